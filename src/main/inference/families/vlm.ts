/** Captions and answers: an image prefix before a prompt in a decoder-only language model. */
import { beamSearch, type BeamDecoding } from '../beam.ts';
import { causalDecoder, type CausalSessions } from '../causal.ts';
import { confidence, decodeRows, type Decoder, type Sequence } from '../generate.ts';
import { isCache, openGather } from '../kv-cache.ts';
import type { GenerateManifest, GenerateOptions, Generated, Model, Prompt, Seen } from '../model.ts';
import { openPart, openTokenizer, readRows, type Opening } from '../parts.ts';
import { fitPrompt } from '../prompt.ts';
import type { Rules } from '../sampling.ts';
import type { Session, Tensor } from '../session.ts';
import { openTextStream, type TextStream } from '../streaming.ts';
import type { Tokenizer } from '../tokenizer.ts';

/** The image side: what to fetch from the vision pass, and how to read it for a batch of `rows` photos. */
export function prefixReader(generate: GenerateManifest): {
  output: string;
  read: (tensor: Tensor | undefined, rows: number) => Seen[];
} {
  const output = generate.outputs.imageTokens;
  return {
    output,
    read(tensor, rows) {
      const width = generate.imageTokens * generate.width;
      const prefixes = readRows(tensor, output, { rows, width });
      return prefixes.map((prefix) => ({ prefix }));
    },
  };
}

export type Generator = Required<Pick<Model, 'generate' | 'generateBatch' | 'close'>>;

interface Opened {
  facts: GenerateManifest;
  sessions: CausalSessions;
  tokenizer: Tokenizer;
}

/** Opens the language side. Throws AppError('model'), with nothing left open. */
export async function openGenerator(opening: Opening, facts: GenerateManifest): Promise<Generator> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const sessions = await openSessions(opening, facts);
  const opened: Opened = { facts, sessions, tokenizer };
  return {
    async generate(prefix, prompt, options = {}) {
      const [text] = await write(opened, [prefix], prompt, options);
      if (!text) throw new Error('One prefix gave no text.');
      return text;
    },
    async generateBatch(prefixes, prompt, options = {}) {
      const quiet = withoutText(options);
      if (beamsFor(facts, prompt, options) === 1) return write(opened, prefixes, prompt, quiet);
      const texts: Generated[] = [];
      for (const prefix of prefixes) texts.push(...(await write(opened, [prefix], prompt, quiet)));
      return texts;
    },
    close: async () => {
      const { embedTokens, decoder, gather } = sessions;
      await Promise.all([embedTokens.close(), decoder.close(), gather?.close()]);
    },
  };
}

async function openSessions(opening: Opening, facts: GenerateManifest): Promise<CausalSessions> {
  const open: Session[] = [];
  const keep = async (opened: Promise<Session>): Promise<Session> => {
    const session = await opened;
    open.push(session);
    return session;
  };
  try {
    const embedTokens = await keep(openPart(opening, facts.embedTokens));
    const decoder = await keep(openPart(opening, facts.decoder, isCache));
    if (!decoder.keepsOnDevice) return { embedTokens, decoder };
    return { embedTokens, decoder, gather: await keep(openGather(decoder, opening.options)) };
  } catch (error) {
    await Promise.all(open.map((session) => session.close()));
    throw error;
  }
}

function withoutText(options: GenerateOptions): GenerateOptions {
  const quiet = { ...options };
  delete quiet.onText;
  return quiet;
}

function beamsFor(facts: GenerateManifest, prompt: Prompt, options: GenerateOptions): number {
  return options.beams ?? (prompt.question === undefined ? facts.captionDecoding.beams : 1);
}

/** The same prompt after each prefix: all rows together when greedy; beams take one prefix. */
async function write(
  opened: Opened,
  prefixes: readonly Float32Array[],
  prompt: Prompt,
  options: GenerateOptions,
): Promise<Generated[]> {
  if (prefixes.length === 0) return [];
  const { facts, sessions, tokenizer } = opened;
  const maxNewTokens = options.maxNewTokens ?? facts.maxNewTokens;
  const fitted = fitPrompt(facts, tokenizer, prompt, maxNewTokens);
  const textOf = textReader(tokenizer, prompt, fitted.ids);
  const streams = prefixes.map(() => openTextStream({ textOf, stop: options.stop, onText: options.onText }));
  const decoder = causalDecoder(sessions, facts, { prefixes, ids: fitted.ids });
  const sequences = await search(decoder, streams, {
    ...rulesOf(facts),
    maxNewTokens,
    beams: beamsFor(facts, prompt, options),
    lengthPenalty: 1,
    signal: options.signal,
    ...(options.sampling && { sampling: options.sampling }),
  });
  return sequences.map((sequence, row) => ({
    text: streams[row]?.finish(sequence.tokens) ?? '',
    tokens: sequence.tokens,
    confidence: confidence(sequence),
    sent: fitted.text,
    droppedTurns: fitted.droppedTurns,
  }));
}

function rulesOf(facts: GenerateManifest): Rules {
  const { repetitionPenalty, noRepeatNgram, eos } = facts;
  return { repetitionPenalty, noRepeatNgram, minNewTokens: 0, stopIds: eos };
}

/** Greedy text is streamed; of beams, only the winner can be shown, at the end. */
async function search<Cache>(
  decoder: Decoder<Cache>,
  streams: readonly TextStream[],
  decoding: BeamDecoding,
): Promise<Sequence[]> {
  if (decoding.beams > 1) {
    const watch = (row: number, tokens: readonly number[]): boolean => streams[row]?.stopped(tokens) ?? false;
    return [await beamSearch(decoder, { ...decoding, watch })];
  }
  return decodeRows(decoder, { ...decoding, watch: (row, tokens) => streams[row]?.push(tokens) ?? false });
}

/**
 * How new tokens read after the prompt: a caption that a person began is shown whole, anything else without
 * its prompt. Decoded together with the prompt, so that a token which goes on a word joins it.
 */
function textReader(
  tokenizer: Tokenizer,
  prompt: Prompt,
  ids: readonly number[],
): (tokens: readonly number[]) => string {
  const head = tokenizer.decode(ids);
  const start = prompt.question === undefined ? (prompt.caption?.trim() ?? '') : '';
  return (tokens) => {
    const whole = tokenizer.decode([...ids, ...tokens]);
    const rest = whole.startsWith(head) ? whole.slice(head.length) : tokenizer.decode(tokens);
    return start === '' ? rest.trimStart() : start + rest;
  };
}
