/** The vlm family against the originals: pixels, prompts as text and ids, scores of every step, greedy and beam texts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readBoxes } from '../../../src/main/inference/boxes.ts';
import { openLanguage } from '../../../src/main/inference/families/vlm.ts';
import { gridOf, oneCell, readGrid } from '../../../src/main/inference/grid.ts';
import type { Decoder } from '../../../src/main/inference/generate.ts';
import type { Model, Pixels, Prompt } from '../../../src/main/inference/model.ts';
import { fitPrompt, type FittedPrompt } from '../../../src/main/inference/prompt.ts';
import { renderOf, type Language } from '../../../src/main/inference/writer.ts';
import { onCpu } from '../../unit/inference-helpers.ts';
import { matrix, numbers, openRow, photoGolden, type Row } from './parity.ts';

const turn = z.object({ question: z.string(), answer: z.string() });
const schema = z.object({
  photos: z.array(photoGolden),
  conversations: z.array(
    z.object({
      prompt: z.object({
        caption: z.string().exactOptional(),
        question: z.string().exactOptional(),
        history: z.array(turn),
      }),
      text: z.string(),
      ids: numbers.optional(),
      imageAt: z.int().optional(),
      photos: z.array(
        z.object({
          greedy: numbers,
          beam: numbers,
          logits: matrix,
          text: z.string(),
          /** Where the prompt depends on the photo's grid. */
          ids: numbers.optional(),
          runs: z.array(z.object({ at: z.int(), count: z.int() })).optional(),
        }),
      ),
    }),
  ),
  /** How likely texts are after the second prompt, for each photo and without any. */
  scores: z.object({
    prompt: z.object({ caption: z.string().exactOptional(), question: z.string().exactOptional() }),
    texts: z.array(z.string()),
    tokens: numbers,
    photos: matrix,
    prior: z.union([numbers, matrix]),
  }),
  /** What the original makes of tokens with places among them, on a photo of 4,032 x 3,024 pixels. */
  boxes: z
    .array(z.object({ tokens: numbers, boxes: z.array(z.object({ label: z.string(), box: numbers })) }))
    .optional(),
  /** Scores that the original gives after the second prompt when it is wrong in one thing. */
  wrong: z.array(z.object({ what: z.string(), logits: numbers })),
});
type Golden = z.infer<typeof schema>;
type Conversation = Golden['conversations'][number];

const rows = await Promise.all(
  ['florence2', 'git', 'idefics3', 'llava', 'llava-qwen', 'paligemma', 'qwen2-vl'].map(async (name) => ({ name, row: await openRow(name, schema) })),
);

describe.each(rows)('$name', ({ row }) => {
  const { golden, model } = row;
  const [, first] = golden.conversations;
  if (!first) throw new Error('The row has several conversations.');
  const talks = golden.conversations.filter(({ prompt }) => prompt.history.length > 1);
  const pixels = golden.photos.map((photo): Pixels => new Uint8Array(Buffer.from(photo.pixels, 'base64')));
  const prefixes: Float32Array[] = [];
  let language: Awaited<ReturnType<typeof openLanguage>>;

  beforeAll(async () => {
    prefixes.push(...(await look(model, pixels)));
    language = await languageOf(row, model);
  });
  afterAll(async () => {
    await language.close();
    await row.close();
  });

  it('has the pixels of its image processor', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
  });

  it('sees a photo of one cell, as the trial of a provider does', async () => {
    const { preprocess, generate } = model.manifest;
    if (generate?.family !== 'vlm') throw new Error('The row writes.');
    const grey = new Uint8Array(3 * preprocess.width * preprocess.height).fill(127);
    const [prefix] = await look(model, [oneCell(grey, preprocess)]);
    const values = language.renderFor && prefix ? readGrid(prefix).values : prefix;
    expect(values?.length).toBe(generate.imageTokens * generate.width);
  });

  it.each(golden.conversations)('makes the same text and ids of $text', (conversation) => {
    const { prompt, text, ids, imageAt, photos } = conversation;
    for (const [at, own] of photos.entries()) {
      const fitted = fit(language, prompt, prefixes[at]);
      row.same('prompt text', fitted.text, text);
      row.same('token ids', fitted.ids, own.ids ?? ids);
      expect(fitted.runs ?? fitted.imageAt).toEqual(own.runs ?? imageAt);
    }
  });

  it('has the same scores after every token, of one photo and of several', async () => {
    for (const { prompt, photos } of golden.conversations)
      for (const [at, { greedy, logits }] of photos.entries()) {
        const fitted = fit(language, prompt, prefixes[at]);
        const decoder = language.decoder(prefixes.slice(at, at + 1), fitted, prompt);
        row.near('scores', await scores(decoder, greedy), logits);
      }
    row.near('scores', await together(language, prefixes, first.prompt), firstScores(first));
  });

  it('writes the same, greedy and with three beams, alone and for several photos at once', async () => {
    for (const { prompt, text, photos } of golden.conversations) {
      for (const [at, expected] of photos.entries()) {
        const prefix = prefixes[at] ?? new Float32Array();
        const greedy = await model.generate?.(prefix, prompt, { beams: 1 });
        row.same('greedy', greedy?.tokens, expected.greedy);
        expect([greedy?.sent, greedy?.droppedTurns]).toEqual([text, 0]);
        // Bytes that are no character are shown in another number of signs; a word's end joins the prompt.
        const task = language.facts.captionStart === 'task';
        const start = prompt.caption === undefined || task ? '' : `${prompt.caption} `;
        const differs = /\uFFFD|^##/.test(expected.text) || expected.greedy.some(isPlace);
        if (!differs) row.same('text', greedy?.text, start + expected.text);
        row.same('beam 3', (await model.generate?.(prefix, prompt, { beams: 3 }))?.tokens, expected.beam);
      }
      const batch = await model.generateBatch?.(prefixes, prompt, { beams: 1 });
      row.same(
        'greedy',
        batch?.map(({ tokens }) => tokens),
        photos.map(({ greedy }) => greedy),
      );
    }
  });

  it('says how likely texts are, with and without the photo', async () => {
    const { prompt, texts, tokens, photos, prior } = golden.scores;
    for (const [at, prefix] of prefixes.entries()) {
      const found = (await model.score?.(prefix, texts, { prompt, prior: true })) ?? [];
      row.near('log p(text | image)', found.map((one) => one.logProbability), photos[at] ?? []);
      row.near('log p(text)', found.map((one) => one.prior ?? NaN), own(prior, at));
      row.same('tokens', found.map((one) => one.tokens), tokens);
      row.missed('no photo', own(prior, at), photos[at] ?? []);
    }
  });

  it.each(golden.boxes ?? [])('finds $boxes.length boxes as the original', ({ tokens, boxes }) => {
    const { locations } = language.facts;
    if (!locations) throw new Error('The row tells of places.');
    const found = readBoxes(locations, tokens, (ids) => language.tokenizer.decode(ids));
    const scaled = (at: number): number => (at % 2 === 0 ? 4032 : 3024);
    const inPixels = found.map(({ label, box }) => ({ label, box: box.map((x, at) => Math.trunc(x * scaled(at))) }));
    row.same('boxes', inPixels, boxes);
  });

  it.each(talks)('leaves out whole turns when the context is full, and says what it sent', async (talk) => {
    const { prompt } = talk;
    const generate = model.manifest.generate;
    if (generate?.family !== 'vlm') throw new Error('The row writes.');
    const { ids, runs = [{ count: generate.imageTokens }] } = fit(language, prompt, prefixes[0]);
    const taken = runs.reduce((sum, { count }) => sum + count, ids.length);
    const context = taken + generate.maxNewTokens - 1;
    const short = await row.edited((manifest) => Object.assign(manifest['generate'] as object, { context }));
    const cut = await short.generate?.(prefixes[0] ?? new Float32Array(), prompt, { beams: 1 });
    const last = { ...prompt, history: prompt.history.slice(1) };
    expect([cut?.sent, cut?.droppedTurns]).toEqual([fit(language, last, prefixes[0]).text, 1]);
    row.missed('a dropped turn', await together(language, prefixes, last), firstScores(talk));
  });

  it('misses by far with wrong pixels', async () => {
    const width = 3 * model.manifest.preprocess.width;
    const swapped = pixels.map((photo) => painted(photo, (all) => all.map((_, i) => all[i + 2 - 2 * (i % 3)] ?? 0)));
    const turned = pixels.map((photo) => painted(photo, (all) => reversed(all, width)));
    const mean = await row.edited((manifest) =>
      Object.assign(manifest['preprocess'] as object, { mean: [100, 127, 140] }),
    );
    const std = await row.edited((manifest) =>
      Object.assign(manifest['preprocess'] as object, { std: [60, 80, 95] }),
    );
    await misses('red and blue exchanged', await look(model, swapped));
    await misses('another mean', await look(mean, pixels));
    await misses('another std', await look(std, pixels));
    await misses('the photo upside down', await look(model, turned));
  });

  it('misses by far with another prompt', async () => {
    await misses('the picture elsewhere in the prompt', prefixes, (fitted) => ({
      ...fitted,
      imageAt: fitted.imageAt === 0 ? 1 : 0,
      ...(fitted.runs && { runs: fitted.runs.map(({ at, count }) => ({ at: at - 1, count })) }),
    }));
    await misses('another template', prefixes, (fitted) => ({
      ...fitted,
      ids: fitted.ids.toSpliced(fitted.imageAt === 0 ? 0 : fitted.ids.length - 1, 1),
    }));
  });

  it.each(golden.wrong)('is not the original with $what', async ({ what, logits }) => {
    row.missed(what, await together(language, prefixes.slice(0, 1), first.prompt), [logits]);
  });

  /** A place in the photo: the original leaves it within the text, or leaves it out. */
  function isPlace(id: number): boolean {
    const { first: lowest, count } = language.facts.locations ?? { first: 0, count: 0 };
    return id >= lowest && id < lowest + count;
  }

  /** A photo with its pixels changed; a grid after them stays. */
  function painted(photo: Pixels, change: (all: Pixels) => Pixels): Pixels {
    const all = language.renderFor ? gridOf(photo).cells : photo;
    return Uint8Array.from([...change(all), ...photo.subarray(all.length)]);
  }

  async function misses(
    what: string,
    wrong: Float32Array[],
    change?: (fitted: FittedPrompt) => FittedPrompt,
  ): Promise<void> {
    const found = await together(language, wrong, first?.prompt ?? {}, change);
    row.missed(what, found, firstScores(first));
  }
});

function languageOf({ dir }: Row<Golden>, { manifest }: Model): ReturnType<typeof openLanguage> {
  if (manifest.generate?.family !== 'vlm') throw new Error('The row is of another family.');
  return openLanguage({ dir, manifest, options: onCpu, open: new Map() }, manifest.generate);
}

function fit<Cache>(
  language: Language<Cache>,
  prompt: Prompt,
  prefix: Float32Array = new Float32Array(),
): FittedPrompt {
  const { facts, tokenizer } = language;
  return fitPrompt(facts, tokenizer, prompt, facts.maxNewTokens, renderOf(language, prefix));
}

/** What belongs to one photo, where not all have the same. */
function own(prior: number[] | number[][], at: number): number[] {
  return prior.flatMap((one, photo) => (typeof one === 'number' ? one : photo === at ? one : []));
}

async function look(model: Model, pixels: Pixels[]): Promise<Float32Array[]> {
  return ((await model.see?.(pixels)) ?? []).map(({ prefix }) => prefix ?? new Float32Array());
}

/** Scores after the prompt and after each of `tokens`, of a decoder with one row. */
async function scores<Cache>(decoder: Decoder<Cache>, tokens: number[]): Promise<Float32Array[]> {
  let { logits, cache } = await decoder.start();
  const found = [...logits];
  for (const token of tokens) {
    ({ logits, cache } = await decoder.next([token], cache));
    found.push(...logits);
  }
  decoder.free(cache);
  return found;
}

/** Scores after the prompt, of every photo: all in one pass, or one by one where prompts differ in length. */
async function together<Cache>(
  language: Language<Cache>,
  prefixes: readonly Float32Array[],
  prompt: Prompt,
  change = (fitted: FittedPrompt): FittedPrompt => fitted,
): Promise<Float32Array[]> {
  const found: Float32Array[] = [];
  const groups = language.renderFor ? prefixes.map((prefix) => [prefix]) : [prefixes];
  for (const group of groups) {
    const decoder = language.decoder(group, change(fit(language, prompt, group[0])), prompt);
    const { logits, cache } = await decoder.start();
    decoder.free(cache);
    found.push(...logits);
  }
  return found;
}

function firstScores(conversation: Conversation | undefined): number[][] {
  return (conversation?.photos ?? []).map(({ logits }) => logits[0] ?? []);
}

/** The rows of a picture from the last to the first. */
function reversed(pixels: Pixels, width: number): Pixels {
  return pixels.map((_, i) => pixels[pixels.length - width * (Math.floor(i / width) + 1) + (i % width)] ?? 0);
}
