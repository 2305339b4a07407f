/** The blip2 family against the originals: query tokens, prefixes, prompts, scores, written text, likelihoods. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  languageModel,
  openBlip2Language,
  queryTokens,
  type Blip2Language,
  type Blip2Manifest,
} from '../../../src/main/inference/families/blip2.ts';
import type { Decoder } from '../../../src/main/inference/generate.ts';
import type { KvCache } from '../../../src/main/inference/kv-cache.ts';
import type { Pixels, Preprocess, Prompt } from '../../../src/main/inference/model.ts';
import { toTensor } from '../../../src/main/inference/preprocess.ts';
import { fitPrompt } from '../../../src/main/inference/prompt.ts';
import { openSession, type Session } from '../../../src/main/inference/session.ts';
import { floats, integers, readFloats, type Feed } from '../../../src/main/inference/tensors.ts';
import { onCpu } from '../../unit/inference-helpers.ts';
import { matrix, numbers, openRow, photoGolden, type Row } from './parity.ts';

const prompt = z.custom<Prompt>((value) => typeof value === 'object');
const schema = z.object({
  photos: z.array(photoGolden.extend({ prefix: numbers, queries: numbers.optional() })),
  asked: z.array(
    z.object({
      prompt,
      text: z.string(),
      ids: numbers,
      imageAt: z.int(),
      /** Where a Q-Former reads the instruction: its ids, and what it makes of each photo. */
      instruction: numbers.optional(),
      queries: matrix.optional(),
      prefixes: matrix.optional(),
      /** Of the first step, after each photo. */
      logits: matrix,
      greedy: matrix,
      beams: matrix,
      texts: z.array(z.string()),
    }),
  ),
  /** log p of a token, the mean over each text's: the loss of the original, negated. */
  scored: z.object({ prompt, texts: z.array(z.string()), logProbabilities: matrix }),
});
type Golden = z.infer<typeof schema>;
const newTokens = 10;

/** A mistake in what a part of the model is given. */
interface Mistake {
  preprocess?: Partial<Preprocess>;
  photos?: (photo: Float32Array) => Float32Array;
  instruction?: (text: string) => string;
  prefixes?: (prefix: Float32Array) => Float32Array;
  facts?: (facts: Blip2Manifest) => Partial<Blip2Manifest>;
  prompt?: (prompt: Prompt) => Prompt;
  feeds?: (feeds: Feeds) => Feeds;
}

type Feeds = Parameters<Session['run']>[0];

/** Whole query tokens of `width` numbers in another order, or fewer of them. */
const reordered =
  (width: number, order: readonly number[]) =>
  (prefix: Float32Array): Float32Array =>
    Float32Array.from(order.flatMap((at) => [...prefix.subarray(at * width, (at + 1) * width)]));

const width = 32;
const anyModel: Record<string, Mistake> = {
  'query tokens in another order': { prefixes: reordered(width, [3, 1, 2, 0]) },
  'a query token too few': { prefixes: reordered(width, [0, 1, 2]), facts: () => ({ imageTokens: 3 }) },
  'another scale of the projection': { prefixes: (prefix) => prefix.map((x) => x * 0.5) },
  'a dropped turn': { prompt: (prompt) => ({ ...prompt, history: prompt.history?.slice(1) ?? [] }) },
};

/** Changes integers that a decoder is fed with, by their place. */
const integersOf =
  (name: string, change: (value: number, at: number) => number) =>
  (feeds: Feeds): Feeds => {
    const { dims, data } = feeds[name] as Feed;
    return { ...feeds, [name]: integers(Array.from(data as BigInt64Array, Number).map(change), dims) };
  };
const decoderOnly: Record<string, Mistake> = {
  'a mask over query tokens': { feeds: integersOf('attention_mask', (value, at) => (at === 0 ? 0 : value)) },
  'positions that leave out the query tokens': { feeds: integersOf('position_ids', (value) => Math.max(0, value - 4)) },
  'another mark of the beginning': { facts: ({ eos }) => ({ promptMarks: { start: eos, end: [] } }) },
};
const encoderDecoder: Record<string, Mistake> = {
  'no mark of the end': { facts: () => ({ promptMarks: { start: [], end: [] } }) },
  'another first id of the decoder': { facts: ({ eos: [eos = 0] }) => ({ bos: eos }) },
};

const instructed: Record<string, Mistake> = {
  'an instruction that the Q-Former does not read': { instruction: () => '' },
  'no state of the whole photo': { photos: (photo) => photo.map((x, at) => (at < width ? 0 : x)) },
};
const inTemplate: Record<string, Mistake> = {
  'the photo before its template': { facts: () => ({ imageTemplate: '{image}###Human: <Img></Img> ' }) },
};

const rows: [name: string, mistakes: Record<string, Mistake>][] = [
  ['blip2-opt', { ...anyModel, ...decoderOnly }],
  ['blip2-t5', { ...anyModel, ...encoderDecoder }],
  ['instructblip', { ...anyModel, ...decoderOnly, ...instructed }],
  ['minigpt4', { ...anyModel, ...decoderOnly, ...inTemplate }],
];

const wrongPixels: Record<string, Mistake> = {
  'another mean': { preprocess: { mean: [127.5, 100, 127.5] } },
  'another std': { preprocess: { std: [80, 60, 90] } },
};

/** A row with its files open once more, so that they can be run with mistakes. */
async function open(name: string): Promise<Opened> {
  const row = await openRow(name, schema);
  const { manifest } = row.model;
  const facts = manifest.generate as Blip2Manifest;
  const language = await openBlip2Language({ dir: row.dir, manifest, options: onCpu, open: new Map() }, facts);
  const vision = await openSession(join(row.dir, facts.vision), onCpu);
  return { name, row, facts, language, vision };
}

interface Opened {
  name: string;
  row: Row<Golden>;
  facts: Blip2Manifest;
  language: Blip2Language;
  vision: Session;
}

describe.each(
  await Promise.all(rows.map(async ([name, mistakes]) => ({ ...(await open(name)), mistakes }))),
)('$name', ({ mistakes, ...opened }) => {
  const { row, facts, language, vision } = opened;
  const { golden, model } = row;
  afterAll(() => Promise.all([row.close(), language.close(), vision.close()]));
  const photos = golden.photos.map(({ prefix }) => Float32Array.from(prefix));

  it('has the pixels of its image processor', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
  });

  it('sees query tokens, and their projection', async () => {
    const seen = await model.see?.(golden.photos.map(pixelsOf));
    row.near('prefixes', seen?.map(({ prefix }) => prefix ?? []), photos);
    const queries = golden.photos.flatMap((photo) => photo.queries ?? []);
    if (queries.length > 0) row.near('query tokens', await see(opened, 'query_tokens'), queries);
    for (const { text, instruction, queries, prefixes } of golden.asked) {
      if (!instruction || !queries || !prefixes) continue;
      row.same('instruction ids', language.instruction?.(text), instruction);
      const asked = { photos, instruction };
      row.near('query tokens', await queryTokens(language.sessions, facts, asked, 'query_tokens'), queries);
      row.near('projected query tokens', await queryTokens(language.sessions, facts, asked), prefixes);
    }
  });

  it('sends the same text and ids, and has the same scores', async () => {
    for (const { prompt, text, ids, imageAt, logits } of golden.asked) {
      const fitted = fitPrompt(facts, language.tokenizer, prompt, newTokens);
      row.same('prompts', fitted.text, text);
      row.same('token ids', [fitted.ids, fitted.imageAt, fitted.droppedTurns], [ids, imageAt, 0]);
      row.near('logits', await firstScores(language.decoder(photos, fitted, prompt)), logits);
    }
  });

  it('writes the same texts, greedily and with three beams, alone and in a batch', async () => {
    for (const { prompt, greedy, beams, texts } of golden.asked) {
      const options = { maxNewTokens: newTokens, beams: 1 };
      const batch = await model.generateBatch?.(photos, prompt, options);
      row.same('greedy', batch?.map(({ tokens }) => tokens), greedy);
      const alone = await model.generate?.(photos[1] ?? new Float32Array(), prompt, options);
      row.same('greedy', alone?.tokens, greedy[1]);
      // A caption that a person began is shown whole.
      const start = facts.encoder === undefined ? (prompt.caption ?? '') : '';
      expect(batch?.map(({ text }) => text)).toEqual(texts.map((text) => start === '' ? text.trim() : start + text.trimEnd()));
      const searched = await model.generateBatch?.(photos, prompt, { ...options, beams: 3 });
      row.same('beam 3', searched?.map(({ tokens }) => tokens), beams);
    }
  });

  it('scores texts as the loss of the original does, and tells their prior', async () => {
    const { prompt, texts, logProbabilities } = golden.scored;
    for (const [at, photo] of photos.entries()) {
      const scored = (await model.score?.(photo, texts, { prompt, prior: true })) ?? [];
      const means = (sums: number[]): number[] => sums.map((sum, text) => sum / (scored[text]?.tokens ?? 0));
      const found = means(scored.map(({ logProbability }) => logProbability));
      row.near('log p(text | image)', found, logProbabilities[at] ?? []);
      row.missed('the prior', means(scored.map(({ prior }) => prior ?? NaN)), logProbabilities[at] ?? []);
    }
  });

  it.each(Object.entries({ ...wrongPixels, ...mistakes }))('misses by far with %s', async (what, mistake) => {
    const found: Float32Array[] = [];
    for (const { prompt } of golden.asked) found.push(...(await mistaken(opened, mistake, prompt)));
    row.missed(what, found, golden.asked.flatMap(({ logits }) => logits));
  });
});

function pixelsOf({ pixels }: { pixels: string }): Pixels {
  return new Uint8Array(Buffer.from(pixels, 'base64'));
}

/** An output of the vision file for all photos, as flat numbers. */
async function see(
  { row, vision }: Opened,
  output: string,
  wrong: Partial<Preprocess> = {},
): Promise<Float32Array> {
  const { preprocess } = row.model.manifest;
  const pixels = toTensor(row.golden.photos.map(pixelsOf), { ...preprocess, ...wrong });
  const dims = [row.golden.photos.length, 3, preprocess.height, preprocess.width];
  const { [output]: tensor } = await vision.run({ pixel_values: floats(pixels, dims) }, [output]);
  if (!tensor) throw new Error(`The vision file has no output ${output}.`);
  return readFloats(tensor);
}

async function firstScores(decoder: Decoder<KvCache>): Promise<Float32Array[]> {
  const { logits, cache } = await decoder.start();
  decoder.free(cache);
  return logits;
}

/** Scores of a prompt's first step after each photo, with a mistake on the way. */
async function mistaken(opened: Opened, mistake: Mistake, prompt: Prompt): Promise<Float32Array[]> {
  const { language, facts } = opened;
  const wrong = { ...facts, ...mistake.facts?.(facts) };
  const fitted = fitPrompt(wrong, language.tokenizer, mistake.prompt?.(prompt) ?? prompt, newTokens);
  const seen = await see(opened, facts.outputs.photo, mistake.preprocess);
  const size = seen.length / opened.row.golden.photos.length;
  const { photos: change = same, instruction: read = String, prefixes = same, feeds = same } = mistake;
  const photos = opened.row.golden.photos.map((_, at) => change(seen.slice(at * size, (at + 1) * size)));
  const instruction = language.instruction?.(read(fitted.text));
  const right = instruction ? await queryTokens(language.sessions, facts, { photos, instruction }) : photos;
  const { decoder } = language.sessions;
  const sessions = { ...language.sessions, decoder: { ...decoder, run: (given: Feeds) => decoder.run(feeds(given)) } };
  return firstScores(languageModel(sessions, wrong, { prefixes: right.map(prefixes), ...fitted }));
}

function same<T>(value: T): T {
  return value;
}
