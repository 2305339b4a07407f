/** Retrieval of BLIP and BLIP-2 against transformers: how near texts and photos are (ITC), and whether they match (ITM). */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { matcherOf } from '../../../src/main/inference/families/blip.ts';
import { queryIds } from '../../../src/main/inference/families/dual-encoder.ts';
import type { Matched, Model, Pixels, Preprocess, Seen } from '../../../src/main/inference/model.ts';
import { openTokenizer } from '../../../src/main/inference/parts.ts';
import { openSession, type Session } from '../../../src/main/inference/session.ts';
import { integers } from '../../../src/main/inference/tensors.ts';
import { dot } from '../../../src/main/lib/vectors.ts';
import { onCpu } from '../../unit/inference-helpers.ts';
import { matrix, numbers, openRow, photoGolden } from './parity.ts';

const schema = z.object({
  photos: z.array(photoGolden.extend({ embedding: numbers })),
  texts: z.array(z.object({ text: z.string(), ids: numbers, embedding: numbers })),
  /** Of each photo and text: their cosine (BLIP-2: the largest of a query token), and the probability of matching. */
  itc: matrix,
  itm: matrix,
  /** BLIP-2 with other query tokens; first with the same in another order, which is no mistake. */
  wrong: z.array(z.object({ what: z.string(), itc: matrix, itm: matrix })).optional(),
});

const wrongPixels: Record<string, Partial<Preprocess>> = {
  'another mean': { mean: [127.5, 100, 127.5] },
  'another std': { std: [80, 60, 90] },
};

/** What a mistake is looked for in: scores of photos and texts. */
interface Scores {
  itc: number[][];
  itm: number[][];
}

const opened = ['blip-retrieve', 'blip2-retrieve'].map(async (name) => ({ name, row: await openRow(name, schema) }));

describe.each(await Promise.all(opened))('$name', ({ row }) => {
  const { golden, model } = row;
  afterAll(() => row.close());
  const { embed, match: facts } = model.manifest;
  if (!embed || facts?.family !== 'blip') throw new Error('The row embeds and matches.');
  const texts = golden.texts.map(({ text }) => text);
  const pixels = golden.photos.map((photo): Pixels => new Uint8Array(Buffer.from(photo.pixels, 'base64')));

  it('has the pixels and ids of its processors', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
    const tokenizer = await openTokenizer(row.dir, embed);
    row.same('token ids', texts.map((text) => queryIds(text, embed, tokenizer)), golden.texts.map(({ ids }) => ids));
  });

  it('embeds photos and texts', async () => {
    const seen = await see(model);
    row.near('image embeddings', seen.map(({ embedding }) => embedding ?? []), golden.photos.map(({ embedding }) => embedding));
    row.near('text embeddings', await model.embedText?.(texts), golden.texts.map(({ embedding }) => embedding));
  });

  it('compares (ITC) and matches (ITM), alone and in a batch', async () => {
    const found = await scores(model);
    row.near('ITC', found.itc, golden.itc);
    row.near('ITM', found.itm, golden.itm);
    const [{ prefix } = {}] = await see(model);
    for (const [at, text] of texts.entries())
      row.near('ITM', await itmOf(model, prefix, [text]), [golden.itm[0]?.[at] ?? NaN]);
  });

  it.runIf(golden.wrong)('has the query tokens of its model, whose order alone means nothing', async () => {
    const found = await scores(model);
    const [reordered, ...wrong] = golden.wrong ?? [];
    row.near('ITC', found.itc, reordered?.itc ?? []);
    row.near('ITM', found.itm, reordered?.itm ?? []);
    expect(wrong.map(({ what }) => what)).toContain('a query token too few');
    for (const { what, ...mistaken } of wrong) misses(what, found, mistaken);
    const mean = (await see(model)).map(({ embedding }) => cosines(embedding, golden.texts.map((text) => text.embedding)));
    row.missed('the mean in place of the largest (ITC)', mean, golden.itc);
  });

  it.each(Object.entries(wrongPixels))('misses by far with %s', async (what, preprocess) => {
    misses(what, await scores(await row.edited((manifest) => Object.assign(manifest['preprocess'] as object, preprocess))));
  });

  it('misses by far with photos or texts exchanged, or without the mask over filled-up texts', async () => {
    const found = await scores(model);
    misses('photos exchanged', { itc: found.itc.toReversed(), itm: found.itm.toReversed() });
    misses('texts exchanged', { itc: turned(found.itc), itm: turned(found.itm) });
    const session = await openSession(join(row.dir, facts.matcher), onCpu);
    const run: Session['run'] = (feeds, fetches) => {
      const { attention_mask: mask, ...others } = feeds;
      const attended = integers(Array.from(mask?.data as BigInt64Array, () => 1), mask?.dims ?? []);
      return session.run({ ...others, attention_mask: attended }, fetches);
    };
    const without = matcherOf({ ...session, run }, facts, await openTokenizer(row.dir, facts));
    row.missed('no mask (ITM)', (await scores({ ...model, match: without.match })).itm, golden.itm);
    await without.close();
  });

  function misses(what: string, found: Scores, expected: Scores = golden): void {
    row.missed(`${what} (ITC)`, found.itc, expected.itc);
    row.missed(`${what} (ITM)`, found.itm, expected.itm);
  }

  async function see(from: Model): Promise<Seen[]> {
    return (await from.see?.(pixels)) ?? [];
  }

  async function scores(from: Model): Promise<Scores> {
    const seen = await see(from);
    const labels = (await from.embedText?.(texts)) ?? [];
    const found: Matched[][] = [];
    for (const { prefix } of seen) found.push((await from.match?.(prefix ?? new Float32Array(), texts)) ?? []);
    return {
      // Where the model compares a text with more than one vector of a photo, it does so itself.
      itc: found.map((photo, at) => photo.some(({ itc }) => itc !== undefined) ? photo.map(({ itc }) => itc ?? NaN) : cosines(seen[at]?.embedding, labels)),
      itm: found.map((photo) => photo.map(({ itm }) => itm ?? NaN)),
    };
  }
});

async function itmOf(model: Model, prefix: Float32Array | undefined, texts: string[]): Promise<number[]> {
  return ((await model.match?.(prefix ?? new Float32Array(), texts)) ?? []).map(({ itm }) => itm ?? NaN);
}

function cosines(image: Float32Array | undefined, texts: ArrayLike<number>[]): number[] {
  return texts.map((text) => dot(image ?? new Float32Array(), Float32Array.from(text)));
}

const turned = (rows: number[][]): number[][] => rows.map((row) => row.toReversed());
