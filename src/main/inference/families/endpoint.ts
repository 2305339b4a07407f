/**
 * A model behind an OpenAI-compatible server that the user runs (Ollama, LM Studio, llama.cpp): the same question,
 * sent with the photo. The only family that opens a connection, to the one address in its manifest.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError, reasonOf, throwIfAborted } from '../../../shared/errors.ts';
import { withoutText } from '../writer.ts';
import type { GenerateOptions, Generated, Manifest, Model, Prompt } from '../model.ts';

export const endpointSchema = z.strictObject({
  family: z.literal('endpoint'),
  /** Where `/chat/completions` is, such as http://127.0.0.1:11434/v1. */
  address: z.url({ protocol: /^https?$/ }),
  /** The server's own name of the model. */
  model: z.string().min(1),
  /** The environment variable that holds the server's key; else a file `key` in the model's folder may. */
  keyVariable: z.string().optional(),
  captionPrompt: z.string().min(1),
  maxNewTokens: z.int().positive(),
  /** How long the first word may take, a large model's loading included, and each one after it. */
  firstWordMs: z.int().positive(),
  nextWordMs: z.int().positive(),
});

export type EndpointManifest = z.infer<typeof endpointSchema>;

/** What a server may say at most: one that never ends must not fill the memory. */
const maxLine = 1_000_000;
const maxText = 100_000;

interface Message {
  role: 'user' | 'assistant';
  text: string;
}

/** The file beside model.json with the server's key; its owner alone may read it. */
export const keyFile = 'key';

/**
 * Members of `Model` that ask the server. Nothing is sent before the first question. `dir` is the model's folder,
 * where its key may be.
 */
export function openEndpoint(
  { preprocess }: Manifest,
  facts: EndpointManifest,
  dir: string,
): Required<Pick<Model, 'generate' | 'generateBatch' | 'close'>> {
  const generate = async (
    prefix: Float32Array,
    prompt: Prompt,
    options: GenerateOptions = {},
  ): Promise<Generated> => {
    throwIfAborted(options.signal);
    const messages = conversation(facts, prompt);
    const photo = prefix.length > 0 ? await jpeg(prefix, preprocess) : null;
    const key = await keyOf(facts, dir);
    const text = await answer(facts, { body: bodyOf(facts, messages, photo, options), key }, options);
    return { text, tokens: [], confidence: 0, sent: sentText(messages, photo !== null), droppedTurns: 0 };
  };
  return {
    generate,
    async generateBatch(prefixes, prompt, options = {}) {
      const texts: Generated[] = [];
      for (const prefix of prefixes) texts.push(await generate(prefix, prompt, withoutText(options)));
      return texts;
    },
    close: () => Promise.resolve(),
  };
}

/** The server's key, if it has one; read for each question, so that a new one holds at once. */
async function keyOf({ address, keyVariable }: EndpointManifest, dir: string): Promise<string> {
  if (keyVariable === undefined) return (await readFile(join(dir, keyFile), 'utf8').catch(() => '')).trim();
  const key = process.env[keyVariable]?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  const what = `The environment variable ${keyVariable} holds no key for the server at ${address}.`;
  throw new AppError('model', `${what} Set it and start Iris again.`);
}

function conversation(facts: EndpointManifest, { caption, question, history = [] }: Prompt): Message[] {
  const past = history.flatMap((turn): Message[] => [
    { role: 'user', text: turn.question },
    { role: 'assistant', text: turn.answer },
  ]);
  const start = caption?.trim() ?? '';
  const begin = start === '' ? '' : ` Begin with these words: ${start}`;
  return [...past, { role: 'user', text: question ?? facts.captionPrompt + begin }];
}

/** The server builds its own prompt of the messages; what left this machine's program is shown as it was. */
function sentText(messages: readonly Message[], photo: boolean): string {
  return messages
    .map(({ role, text }, at) => `${role}: ${photo && at === 0 ? '[photo] ' : ''}${text}`)
    .join('\n');
}

function bodyOf(
  facts: EndpointManifest,
  messages: readonly Message[],
  photo: Buffer | null,
  { maxNewTokens, sampling, stop }: GenerateOptions,
): string {
  const url = photo && `data:image/jpeg;base64,${photo.toString('base64')}`;
  return JSON.stringify({
    model: facts.model,
    stream: true,
    max_tokens: maxNewTokens ?? facts.maxNewTokens,
    temperature: sampling?.temperature ?? 0,
    ...(sampling && { top_p: sampling.topP, seed: sampling.seed }),
    ...(stop && stop.length > 0 && { stop }),
    messages: messages.map(({ role, text }, at) => ({
      role,
      content:
        url !== null && at === 0
          ? [
              { type: 'image_url', image_url: { url } },
              { type: 'text', text },
            ]
          : text,
    })),
  });
}

/** The photo without the bars that made it fit, as a JPEG without any metadata. */
async function jpeg(
  prefix: Float32Array,
  { width, height, mean, std }: Manifest['preprocess'],
): Promise<Buffer> {
  const plane = width * height;
  const bytes = Buffer.alloc(3 * plane);
  for (let at = 0; at < bytes.length; at++) {
    const channel = at % 3;
    const value = prefix[channel * plane + (at - channel) / 3] ?? 0;
    bytes[at] = Math.round(value * (std[channel] ?? 1) + (mean[channel] ?? 0));
  }
  const [r, g, b] = mean;
  // Not before it is needed: every host reads this family's schema, and would start 0.1 s later.
  const { default: sharp } = await import('sharp');
  const picture = sharp(bytes, { raw: { width, height, channels: 3 } });
  return await picture.trim({ background: { r, g, b }, threshold: 0 }).jpeg({ quality: 90 }).toBuffer();
}

/** Streams the server's answer. Throws AppError('model') naming the address and what to do, or AppError('aborted'). */
async function answer(
  facts: EndpointManifest,
  { body, key }: { body: string; key: string },
  options: GenerateOptions,
): Promise<string> {
  const stopping = new AbortController();
  const waiting = new Deadline(facts, () => stopping.abort());
  const signals = [stopping.signal, ...(options.signal ? [options.signal] : [])];
  try {
    const response = await fetch(`${facts.address.replace(/\/+$/, '')}/chat/completions`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', accept: 'text/event-stream' },
        ...(key !== '' && { authorization: `Bearer ${key}` }),
      },
      body,
      // An address that sends elsewhere would take photo and key where nobody agreed to.
      redirect: 'error',
      signal: AbortSignal.any(signals),
    });
    if (!response.ok) throw await refusal(facts, response, key);
    let text = '';
    for await (const piece of pieces(facts, response)) {
      waiting.heard();
      options.onText?.(piece);
      if ((text += piece).length > maxText) throw broken(facts, 'its answer does not end');
    }
    if (text.trim() === '') throw broken(facts, 'its answer is empty');
    return text.trim();
  } catch (error) {
    if (options.signal?.aborted) throw new AppError('aborted', 'Stopped.', { cause: error });
    if (error instanceof AppError) throw error;
    throw waiting.late ?? unreachable(facts, error);
  } finally {
    waiting.end();
    // Also reached when an answer is given up in its middle: the server need not go on.
    stopping.abort();
  }
}

/** Runs out when no word comes in time. */
class Deadline {
  readonly #facts: EndpointManifest;
  readonly #onLate: () => void;
  #timer: NodeJS.Timeout;
  late: AppError | undefined;

  constructor(facts: EndpointManifest, onLate: () => void) {
    this.#facts = facts;
    this.#onLate = onLate;
    this.#timer = this.#start(facts.firstWordMs);
  }

  heard(): void {
    this.end();
    this.#timer = this.#start(this.#facts.nextWordMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.late = broken(this.#facts, `it said nothing for ${ms / 1000} seconds`);
      this.#onLate();
    }, ms);
  }
}

/** The words of a streamed answer, or all of one that came as a whole because the server does not stream. */
async function* pieces(facts: EndpointManifest, response: Response): AsyncGenerator<string> {
  const streamed = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
  let whole = '';
  for await (const line of lines(facts, response)) {
    if (!streamed) whole += line;
    else if (line.startsWith('data:')) {
      const data = line.slice('data:'.length).trim();
      if (data === '[DONE]') return;
      yield read(facts, data, (choice) => choice.delta?.content);
    }
  }
  if (!streamed) yield read(facts, whole, (choice) => choice.message?.content);
}

async function* lines(facts: EndpointManifest, response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = parts.pop() ?? '';
    if (rest.length > maxLine) throw broken(facts, 'its answer does not end');
    yield* parts;
  }
  yield rest + decoder.decode();
}

const content = z.object({ content: z.string().nullish() });
const reply = z.object({
  choices: z.array(z.object({ delta: content.optional(), message: content.optional() })).optional(),
  error: z.union([z.string(), z.object({ message: z.string() })]).optional(),
});
type Choice = NonNullable<z.infer<typeof reply>['choices']>[number];

function read(
  facts: EndpointManifest,
  json: string,
  wordsOf: (choice: Choice) => string | null | undefined,
): string {
  const parsed = reply.safeParse(parse(json));
  if (!parsed.success)
    throw broken(facts, `it answered "${json.slice(0, 120)}", which is no chat completion`);
  const { choices, error } = parsed.data;
  if (error !== undefined)
    throw broken(facts, `it says: ${typeof error === 'string' ? error : error.message}`);
  const [choice] = choices ?? [];
  return (choice && wordsOf(choice)) ?? '';
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

const asksForKey = ' It asks for a key: connect it again with one that it knows.';

/** A status that is not 200, with what the server says of it. */
async function refusal(facts: EndpointManifest, response: Response, key: string): Promise<AppError> {
  let said = '';
  for await (const line of lines(facts, response)) if ((said += line).length > 2000) break;
  const parsed = reply.safeParse(parse(said));
  const error = parsed.data?.error;
  const words = typeof error === 'string' ? error : (error?.message ?? said.slice(0, 200));
  const missing = response.status === 404 ? ` Does it have the model "${facts.model}"?` : '';
  const locked = response.status === 401 || response.status === 403 ? asksForKey : '';
  // Some servers repeat the key that they refuse.
  const shown = key === '' ? words : words.replaceAll(key, '[key]');
  return broken(facts, `it answered ${response.status}: ${shown}.${missing}${locked}`);
}

function broken({ address }: EndpointManifest, what: string): AppError {
  return new AppError('model', `The server at ${address} gave no answer: ${what.replace(/\.+$/, '')}.`);
}

function unreachable({ address }: EndpointManifest, error: unknown): AppError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new AppError(
    'model',
    `The server at ${address} cannot be reached (${reasonOf(cause)}). Start it, or choose another model.`,
    { cause: error },
  );
}
