/** The generate lane: the one owner of the language model. Answers go ahead of captions in bulk. */
import { AppError } from '../../shared/errors.ts';
import { candidateFacts, writeCaptions } from '../inference/candidates.ts';
import { oneCell } from '../inference/grid.ts';
import type {
  Generated,
  GenerateOptions,
  Model,
  Pixels,
  Preprocess,
  Prompt,
  Seen,
} from '../inference/model.ts';
import { Channel } from '../lib/channel.ts';
import { settled } from '../inference/generate.ts';
import { englishOf, questionInEnglish } from '../lib/gloss.ts';
import { fromHalf } from '../lib/vectors.ts';
import type { Fit, GenerateEvent, GenerateLane, Judged, Look } from './messages.ts';

type Task = () => Promise<void>;

/** Photos whose vision pass is remembered: a second question is about one of the last, as a rule. */
const rememberedPhotos = 8;

export function createGenerateLane(loadModel: () => Promise<Model | undefined>): GenerateLane {
  const urgent: Task[] = [];
  const patient: Task[] = [];
  const remembered: { pixels: Uint8Array; seen: Read }[] = [];
  let busy = false;

  async function seenOf(loaded: Model, look: Look): Promise<Read> {
    const known =
      'pixels' in look && remembered.find(({ pixels }) => Buffer.compare(pixels, look.pixels) === 0);
    if (known) return known.seen;
    const [seen = { prefix: new Float32Array() }] = await seeAll(loaded, [look]);
    if ('pixels' in look) remembered.unshift({ pixels: look.pixels, seen });
    remembered.splice(rememberedPhotos);
    return seen;
  }

  async function prefixOf(loaded: Model, look: Look): Promise<Float32Array> {
    return (await seenOf(loaded, look)).prefix;
  }

  /** One task at a time; a person's question is taken before any captions that wait. */
  async function work(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let task = urgent.shift() ?? patient.shift(); task; task = urgent.shift() ?? patient.shift()) {
      await task();
      await settled(); // a question that was taken back is not computed beside the next one
    }
    busy = false;
  }

  function enqueue<T>(queue: Task[], run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      queue.push(() => run().then(resolve, reject));
      void work();
    });
  }

  async function model(): Promise<Model> {
    const loaded = await loadModel();
    if (!loaded?.generate)
      throw new AppError('model', 'The chosen model cannot write about photos. Choose one that can.');
    return loaded;
  }

  async function fitOf({ look, text }: { look: Look; text: string }, signal?: AbortSignal): Promise<Fit> {
    const loaded = await loadModel();
    if (!loaded?.match && !loaded?.score)
      throw new AppError(
        'model',
        'This model cannot tell how well a text fits a photo. Choose one that can.',
      );
    const [{ prefix } = { prefix: new Float32Array() }] = await seeAll(loaded, [look]);
    const words = (loaded.manifest.reads === 'en' && (await englishOf(text))) || text;
    const [matched] = (await loaded.match?.(prefix, [words])) ?? [];
    if (matched) return { by: 'match', value: matched.itm ?? ((matched.itc ?? -1) + 1) / 2 };
    const [scored] = (await loaded.score?.(prefix, [words], signal && { signal })) ?? [];
    const { logProbability = -Infinity, tokens = 1 } = scored ?? {};
    return { by: 'likelihood', value: Math.exp(logProbability / Math.max(1, tokens)) };
  }

  return {
    async *generate({ look, prompt }, signal): AsyncGenerator<GenerateEvent> {
      const events = new Channel<GenerateEvent>();
      const onText = (text: string): void => events.push({ type: 'delta', text });
      enqueue(urgent, async () => {
        const loaded = await model();
        const { gloss, ...read } = await readable(loaded, prompt);
        const result = await write(loaded, await seenOf(loaded, look), read, {
          onText,
          ...(signal && { signal }),
        });
        if (!result) return;
        events.push({ type: 'done', result: { ...result, ...(gloss !== undefined && { gloss }) } });
      }).then(
        () => events.end(),
        (error: unknown) => events.fail(error),
      );
      yield* events;
    },
    score: ({ look, texts }, signal) =>
      enqueue(urgent, async (): Promise<Judged | null> => {
        const loaded = await model();
        const options = { prior: true, ...(signal && { signal }) };
        const prefix = await prefixOf(loaded, look);
        const own = await loaded.score?.(prefix, texts, options);
        if (!own) return null;
        const given = await loaded.scorePhoto?.(prefix, texts, signal);
        const photo = given?.map(({ logProbability }) => logProbability) ?? null;
        if (own.every((text) => text.prior !== undefined))
          return { texts: own.map((text) => ({ prior: 0, ...text })), prior: 'no photo', photo };
        // Words that always attend to a photo get one that shows nothing.
        const grey = await prefixOf(loaded, { pixels: greyPhoto(loaded.manifest.preprocess) });
        const unseen = (await loaded.score?.(grey, texts, options)) ?? [];
        const prior = (at: number): number => unseen[at]?.logProbability ?? 0;
        return { texts: own.map((text, at) => ({ ...text, prior: prior(at) })), prior: 'grey photo', photo };
      }),
    fit: (args, signal) => enqueue(urgent, () => fitOf(args, signal)),
    captions: ({ looks }) =>
      enqueue(patient, async (): Promise<Generated[]> => {
        const loaded = await model();
        return await writeCaptions(loaded, await seeAll(loaded, looks), {});
      }),
  };
}

/** The prompt as the model can read it; `gloss` is what became of a question or a start in Chinese. */
async function readable({ manifest }: Model, prompt: Prompt): Promise<Prompt & { gloss?: string }> {
  if (manifest.reads !== 'en') return prompt;
  const { caption = '', question = '', history = [] } = prompt;
  const gloss = await (question ? questionInEnglish(question) : englishOf(caption));
  const before = await Promise.all(
    history.map(async (turn) => ({
      ...turn,
      question: (await questionInEnglish(turn.question)) ?? turn.question,
    })),
  );
  const told = { ...prompt, ...(prompt.history && { history: before }) };
  if (gloss === undefined) return told;
  return { ...told, gloss, ...(question ? { question: gloss } : { caption: gloss }) };
}

/** The mean of what the model has seen, everywhere. */
function greyPhoto(preprocess: Preprocess): Pixels {
  const { width, height, mean } = preprocess;
  const grey = Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.round(mean[i % 3] ?? 0));
  return oneCell(grey, preprocess);
}

type Read = Seen & Required<Pick<Seen, 'prefix'>>;

/** An answer, streamed; a caption that is chosen among several comes at once. */
async function write(
  model: Model,
  seen: Read,
  prompt: Prompt,
  options: GenerateOptions,
): Promise<Generated | undefined> {
  if (prompt.question !== undefined || !candidateFacts(model.manifest))
    return await model.generate?.(seen.prefix, prompt, options);
  const [caption] = await writeCaptions(model, [seen], prompt, options);
  if (caption) options.onText?.(caption.text);
  return caption;
}

/** What was kept of photos as it is; pixels through the vision model, all in one pass. */
async function seeAll(model: Model, looks: readonly Look[]): Promise<Read[]> {
  const unseen = looks.flatMap((look) => ('pixels' in look ? [look.pixels] : []));
  const found = unseen.length > 0 ? await model.see?.(unseen) : [];
  let next = 0;
  return looks.map((look): Read => {
    const { prefix, embedding } = 'prefix' in look ? keptOf(look) : (found?.[next++] ?? {});
    if (!prefix) throw new AppError('model', 'The model gave no image prefix.');
    return { prefix, ...(embedding && { embedding }) };
  });
}

function keptOf({ prefix, vector }: Extract<Look, { prefix: Uint8Array }>): Seen {
  return { prefix: fromHalf(prefix), ...(vector && { embedding: fromHalf(vector) }) };
}
