/** The vlm family against the originals: pixels, prompts as text and ids, scores of every step, greedy and beam texts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openLanguage } from '../../../src/main/inference/families/vlm.ts';
import type { Decoder } from '../../../src/main/inference/generate.ts';
import type { Model, Pixels, Prompt } from '../../../src/main/inference/model.ts';
import { fitPrompt, type FittedPrompt } from '../../../src/main/inference/prompt.ts';
import type { Language } from '../../../src/main/inference/writer.ts';
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
      ids: numbers,
      imageAt: z.int(),
      photos: z.array(z.object({ greedy: numbers, beam: numbers, logits: matrix, text: z.string() })),
    }),
  ),
  /** How likely texts are after the second prompt, for each photo and without any. */
  scores: z.object({
    prompt: z.object({ caption: z.string().exactOptional(), question: z.string().exactOptional() }),
    texts: z.array(z.string()),
    tokens: numbers,
    photos: matrix,
    prior: numbers,
  }),
  /** Scores that the original gives after the second prompt when it is wrong in one thing. */
  wrong: z.array(z.object({ what: z.string(), logits: numbers })),
});
type Golden = z.infer<typeof schema>;
type Conversation = Golden['conversations'][number];

const rows = await Promise.all(
  ['git', 'llava', 'llava-qwen'].map(async (name) => ({ name, row: await openRow(name, schema) })),
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

  it.each(golden.conversations)('makes the same text and ids of $text', ({ prompt, text, ids, imageAt }) => {
    const fitted = fit(language, prompt);
    row.same('prompt text', fitted.text, text);
    row.same('token ids', fitted.ids, ids);
    expect(fitted.imageAt).toBe(imageAt);
  });

  it('has the same scores after every token, of one photo and of several', async () => {
    for (const { prompt, photos } of golden.conversations)
      for (const [at, { greedy, logits }] of photos.entries()) {
        const decoder = language.decoder(prefixes.slice(at, at + 1), fit(language, prompt), prompt);
        row.near('scores', await scores(decoder, greedy), logits);
      }
    const decoder = language.decoder(prefixes, fit(language, first.prompt), first.prompt);
    row.near('scores', await together(decoder), firstScores(first));
  });

  it('writes the same, greedy and with three beams, alone and for several photos at once', async () => {
    for (const { prompt, text, photos } of golden.conversations) {
      for (const [at, expected] of photos.entries()) {
        const prefix = prefixes[at] ?? new Float32Array();
        const greedy = await model.generate?.(prefix, prompt, { beams: 1 });
        row.same('greedy', greedy?.tokens, expected.greedy);
        expect([greedy?.sent, greedy?.droppedTurns]).toEqual([text, 0]);
        // Bytes that are no character are shown in another number of signs; a word's end joins the prompt.
        const start = prompt.caption === undefined ? '' : `${prompt.caption} `;
        if (!/\uFFFD|^##/.test(expected.text)) row.same('text', greedy?.text, start + expected.text);
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
      row.near('log p(text)', found.map((one) => one.prior ?? NaN), prior);
      row.same('tokens', found.map((one) => one.tokens), tokens);
      row.missed('no photo', prior, photos[at] ?? []);
    }
  });

  it.each(talks)('leaves out whole turns when the context is full, and says what it sent', async (talk) => {
    const { ids, prompt } = talk;
    const generate = model.manifest.generate;
    if (generate?.family !== 'vlm') throw new Error('The row writes.');
    const context = ids.length + generate.imageTokens + generate.maxNewTokens - 1;
    const short = await row.edited((manifest) => Object.assign(manifest['generate'] as object, { context }));
    const cut = await short.generate?.(prefixes[0] ?? new Float32Array(), prompt, { beams: 1 });
    const last = fit(language, { ...prompt, history: prompt.history.slice(1) });
    expect([cut?.sent, cut?.droppedTurns]).toEqual([last.text, 1]);
    const decoder = language.decoder(prefixes, last, prompt);
    row.missed('a dropped turn', await together(decoder), firstScores(talk));
  });

  it('misses by far with wrong pixels', async () => {
    const swapped = pixels.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    const mean = await row.edited((manifest) =>
      Object.assign(manifest['preprocess'] as object, { mean: [100, 127, 140] }),
    );
    const std = await row.edited((manifest) =>
      Object.assign(manifest['preprocess'] as object, { std: [60, 80, 95] }),
    );
    const width = 3 * model.manifest.preprocess.width;
    await misses('red and blue exchanged', await look(model, swapped));
    await misses('another mean', await look(mean, pixels));
    await misses('another std', await look(std, pixels));
    await misses('the photo upside down', await look(model, pixels.map((photo) => reversed(photo, width))));
  });

  it('misses by far with another prompt', async () => {
    const fitted = fit(language, first.prompt);
    await misses('the picture elsewhere in the prompt', prefixes, {
      ...fitted,
      imageAt: fitted.imageAt === 0 ? 1 : 0,
    });
    await misses('another template', prefixes, { ...fitted, ids: fitted.ids.slice(1) });
  });

  it.each(golden.wrong)('is not the original with $what', async ({ what, logits }) => {
    const decoder = language.decoder(prefixes.slice(0, 1), fit(language, first.prompt), first.prompt);
    row.missed(what, await together(decoder), [logits]);
  });

  async function misses(what: string, wrong: Float32Array[], fitted?: FittedPrompt): Promise<void> {
    const decoder = language.decoder(wrong, fitted ?? fit(language, first?.prompt ?? {}), {});
    row.missed(what, await together(decoder), firstScores(first));
  }
});

function languageOf({ dir }: Row<Golden>, { manifest }: Model): ReturnType<typeof openLanguage> {
  if (manifest.generate?.family !== 'vlm') throw new Error('The row is of another family.');
  return openLanguage({ dir, manifest, options: onCpu }, manifest.generate);
}

function fit<Cache>({ facts, tokenizer, render }: Language<Cache>, prompt: Prompt): FittedPrompt {
  return fitPrompt(facts, tokenizer, prompt, facts.maxNewTokens, render);
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

/** Scores after the prompt, of every row. */
async function together<Cache>(decoder: Decoder<Cache>): Promise<Float32Array[]> {
  const { logits, cache } = await decoder.start();
  decoder.free(cache);
  return logits;
}

function firstScores(conversation: Conversation | undefined): number[][] {
  return (conversation?.photos ?? []).map(({ logits }) => logits[0] ?? []);
}

/** The rows of a picture from the last to the first. */
function reversed(pixels: Pixels, width: number): Pixels {
  return pixels.map((_, i) => pixels[pixels.length - width * (Math.floor(i / width) + 1) + (i % width)] ?? 0);
}
