/** The blip family against transformers: captions and answers, and their likelihoods. */
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { blipDecoder } from '../../../src/main/inference/families/blip.ts';
import type { Model, Pixels, Prompt, Scored } from '../../../src/main/inference/model.ts';
import { closeParts, openParts, openTokenizer } from '../../../src/main/inference/parts.ts';
import { fitPrompt } from '../../../src/main/inference/prompt.ts';
import type { Session } from '../../../src/main/inference/session.ts';
import { floats, integers } from '../../../src/main/inference/tensors.ts';
import { onCpu } from '../../unit/inference-helpers.ts';
import { matrix, numbers, openRow, photoGolden, type Row } from './parity.ts';

const writing = z.object({
  photos: z.array(photoGolden),
  cases: z.array(z.object({ prompt: z.string(), greedy: matrix, texts: z.array(z.string()), beams: matrix })),
  logits: matrix,
  scores: z.array(
    z.object({
      prompt: z.string(),
      texts: z.array(z.string()),
      tokens: numbers,
      photos: matrix,
      prior: numbers,
    }),
  ),
});
type Writing = z.infer<typeof writing>;
type Edited = Record<'preprocess' | 'generate' | 'match', Record<string, unknown>>;
type Control = [what: string, edit: (manifest: Edited) => void];

const wrongPixels: Control[] = [
  ['another mean', ({ preprocess }) => (preprocess['mean'] = [127.5, 100, 127.5])],
  ['another std', ({ preprocess }) => (preprocess['std'] = [80, 60, 90])],
];

const rows: [name: string, asks: boolean, controls: Control[]][] = [
  ['blip-caption', false, [['[ENC] in place of [DEC]', ({ generate }) => (generate['bos'] = plusOne(generate['bos']))]]],
  ['vit-gpt2', false, [['another beginning', ({ generate }) => (generate['bos'] = plusOne(generate['bos']))]]],
  [
    'blip-answer',
    true,
    [
      ['[ENC] in place of [DEC]', ({ generate }) => (generate['answerStart'] = plusOne(generate['answerStart']))],
      ['a question without [SEP]', ({ generate }) => marks(generate).end.pop()],
      ['a question that begins with [ENC]', ({ generate }) => (marks(generate).start = [plusOne(generate['bos'])])],
    ],
  ],
];

const opened = await Promise.all(
  rows.map(async ([name, asks, controls]) => {
    const row = await openRow(name, writing);
    return { name, asks, controls, row, steps: await openSteps(row) };
  }),
);

describe.each(opened)('$name', ({ row, asks, controls, steps }) => {
  afterAll(() => Promise.all([row.close(), steps.close()]));
  const { golden, model } = row;
  const pixels = golden.photos.map((photo) => bytes(photo.pixels));
  const promptOf = (text: string): Prompt => (asks ? { question: text } : { caption: text });
  const [first] = golden.scores;
  if (!first) throw new Error('The row has scores.');
  const { texts } = first;

  it('has the pixels of its image processor', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
  });

  it('gives the scores of every step', async () => {
    row.near('logits', await steps.logits(promptOf(golden.cases[0]?.prompt ?? '')), golden.logits);
  });

  it.each(golden.cases.map((one) => [one.prompt, one] as const))('writes after %j', async (text, expected) => {
    const prefixes = await see(model, pixels);
    const options = { maxNewTokens: 10 };
    const batch = await model.generateBatch?.(prefixes, promptOf(text), options);
    row.same('greedy', batch?.map(({ tokens }) => tokens), expected.greedy);
    for (const [at, prefix] of prefixes.entries()) {
      const alone = await model.generate?.(prefix, promptOf(text), options);
      row.same('greedy', alone?.tokens, expected.greedy[at]);
      if (asks || text === '') row.same('text', alone?.text, expected.texts[at]);
      else expect(alone?.text.startsWith(text), alone?.text).toBe(true);
      expect(alone?.sent).toBe(text);
      const beams = await model.generate?.(prefix, promptOf(text), { ...options, beams: 3 });
      row.same('beam 3', beams?.tokens, expected.beams[at]);
    }
  });

  it('leaves earlier turns out, and says so', async () => {
    const [expected] = golden.cases;
    const [prefix = new Float32Array()] = await see(model, pixels);
    const history = [{ question: 'is it a dog?', answer: 'yes' }];
    const prompt = { ...promptOf(expected?.prompt ?? ''), history };
    const found = await model.generate?.(prefix, prompt, { maxNewTokens: 10 });
    expect(found).toMatchObject({ tokens: expected?.greedy[0], sent: expected?.prompt, droppedTurns: 1 });
  });

  it('says how likely texts are, with and without the photo', async () => {
    for (const scores of golden.scores) {
      const found = await scoresOf(model, pixels, promptOf(scores.prompt), scores.texts);
      row.near('log p(text | image)', found.map((photo) => photo.map((one) => one.logProbability)), scores.photos);
      for (const photo of found) row.near('log p(text)', photo.map((one) => one.prior ?? NaN), scores.prior);
      row.same('tokens', found[0]?.map((one) => one.tokens), scores.tokens);
    }
  });

  it('misses by far with another picture or prompt', async () => {
    const score = (photos: Pixels[]): Promise<number[][]> => likelihoods(model, photos, promptOf(first.prompt), texts);
    row.missed('photos exchanged', await score(pixels.toReversed()), first.photos);
    row.missed('no photo', pixels.map(() => first.prior), first.photos);
    const swapped = pixels.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    row.missed('red and blue exchanged', await score(swapped), first.photos);
    const other = promptOf(golden.scores[1]?.prompt ?? '');
    row.missed('another prompt', await likelihoods(model, pixels, other, texts), first.photos);
  });

  it.each([...wrongPixels, ...controls])('misses by far with %s', async (what, edit) => {
    const wrong = await row.edited((manifest) => edit(manifest as unknown as Edited));
    row.missed(what, await likelihoods(wrong, pixels, promptOf(first.prompt), texts), first.photos);
  });

  it.each(Object.entries(spoils))('misses by far with %s', async (what, spoil) => {
    row.missed(what, await steps.logits(promptOf(golden.cases[0]?.prompt ?? ''), spoil), golden.logits);
  });
});

type Feeds = Parameters<Session['run']>[0];

/** Things that may be wrong in what the decoder gets at each step. */
const spoils: Record<string, (feeds: Feeds) => Feeds> = {
  'positions off by one': ({ position_ids, ...feeds }) => ({ ...feeds, ...changed({ position_ids }, (x) => Number(x) + 1) }),
  'positions that do not grow': ({ position_ids, ...feeds }) => ({ ...feeds, ...changed({ position_ids }, () => 0) }),
  'keys and values exchanged': (feeds) => renamed(feeds, '.decoder.'),
  "the photo's keys and values exchanged": (feeds) => renamed(feeds, '.encoder.'),
  'nothing attended to': (feeds) => ({
    ...feeds,
    ...changed(Object.fromEntries(Object.entries(feeds).filter(([name]) => name.includes('.encoder.'))), () => 0),
  }),
};

function changed(feeds: Record<string, Feeds[string] | undefined>, change: (x: number | bigint) => number): Feeds {
  const made = Object.entries(feeds).map(([name, feed]) => {
    const values = Array.from(feed?.data as Float32Array, (x) => change(x));
    const dims = feed?.dims ?? [];
    return [name, feed?.type === 'int64' ? integers(values, dims) : floats(Float32Array.from(values), dims)];
  });
  return Object.fromEntries(made) as Feeds;
}

function renamed(feeds: Feeds, part: string): Feeds {
  const other = (name: string): string =>
    name.endsWith('key') ? name.replace(/key$/, 'value') : name.replace(/value$/, 'key');
  return Object.fromEntries(
    Object.entries(feeds).map(([name, feed]) => [name.includes(part) ? other(name) : name, feed]),
  );
}

/** What gives the scores of each step while the greedy text of the first case is written for the first photo. */
async function openSteps({ model, dir, golden }: Row<Writing>): Promise<Steps> {
  const { generate } = model.manifest;
  if (generate?.family !== 'blip') throw new Error('The row writes.');
  const [photo, expected] = [golden.photos[0], golden.cases[0]];
  const { crossAttention, decoder, questionEncoder } = generate;
  if (crossAttention === undefined) throw new Error('The row keeps what its decoder attends to.');
  const files = { crossAttention, decoder, ...(questionEncoder && { questionEncoder }) };
  const opening = { dir, manifest: model.manifest, options: onCpu, open: new Map() };
  const sessions = await openParts(opening, files);
  const tokenizer = await openTokenizer(dir, generate);
  return {
    async logits(prompt, spoil = (feeds) => feeds) {
      const run: Session['run'] = (feeds) => sessions.decoder.run(spoil(feeds));
      const spoiled = { ...sessions, decoder: { ...sessions.decoder, run } };
      const prefixes = await see(model, [bytes(photo?.pixels ?? '')]);
      const { ids } = fitPrompt(generate, tokenizer, prompt, 10);
      const steps = blipDecoder(spoiled, generate, { prefixes, ids });
      const found: Float32Array[] = [];
      let { logits, cache } = await steps.start();
      for (const token of expected?.greedy[0]?.slice(0, golden.logits.length) ?? []) {
        found.push(logits[0] ?? new Float32Array());
        ({ logits, cache } = await steps.next([token], cache));
      }
      steps.free(cache);
      return found;
    },
    close: () => closeParts(sessions),
  };
}

interface Steps {
  logits(prompt: Prompt, spoil?: (feeds: Feeds) => Feeds): Promise<Float32Array[]>;
  close(): Promise<void>;
}

async function scoresOf(model: Model, photos: Pixels[], prompt: Prompt, texts: string[]): Promise<Scored[][]> {
  const prefixes = await see(model, photos);
  return Promise.all(prefixes.map(async (prefix) => (await model.score?.(prefix, texts, { prompt, prior: true })) ?? []));
}

async function likelihoods(model: Model, photos: Pixels[], prompt: Prompt, texts: string[]): Promise<number[][]> {
  const found = await scoresOf(model, photos, prompt, texts);
  return found.map((photo) => photo.map((one) => one.logProbability));
}

async function see(model: Model, photos: Pixels[]): Promise<Float32Array[]> {
  const seen = (await model.see?.(photos)) ?? [];
  return seen.map(({ prefix }) => prefix ?? new Float32Array());
}

function bytes(base64: string): Pixels {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

const plusOne = (id: unknown): number => Number(id) + 1;

function marks(generate: Record<string, unknown>): { start: number[]; end: number[] } {
  return generate['promptMarks'] as { start: number[]; end: number[] };
}
