/** Chameleon against transformers: a photo's tokens, text after a photo, and how likely a photo is after a text. */
import { afterAll, describe, it } from 'vitest';
import { z } from 'zod';
import { idsOfCodes } from '../../../src/main/inference/families/chameleon.ts';
import type { Model, Pixels } from '../../../src/main/inference/model.ts';
import { fromHalf, toHalf } from '../../../src/main/lib/vectors.ts';
import { numbers, openRow, photoGolden } from './parity.ts';

const photo = photoGolden.extend({
  codes: numbers,
  caption: numbers,
  answer: numbers,
  beams: numbers,
  /** log p(text | photo, question) and log p(photo | text) of each text. */
  texts: numbers,
  given: numbers,
});
const schema = z.object({ photos: z.array(photo), texts: z.array(z.string()), question: z.string() });
type Which = 'texts' | 'given';

interface Edited {
  preprocess: Record<string, unknown>;
  generate: Record<string, unknown>;
}

/** What is wrong in the manifest, and which scores show it. */
const controls: [what: string, shows: Which[], edit: (manifest: Edited) => void][] = [
  ['another mean', ['texts', 'given'], ({ preprocess }) => (preprocess['mean'] = [60, 160, 128])],
  ['another std', ['texts', 'given'], ({ preprocess }) => (preprocess['std'] = [60, 128, 300])],
  [
    'the photo without its marks',
    ['texts', 'given'],
    ({ generate }) => (generate['imageMarks'] = { start: 0, end: 0 }),
  ],
  ['another mark at the beginning', ['given'], ({ generate }) => (generate['bos'] = 0)],
  [
    'no mark at the end of the question',
    ['texts'],
    ({ generate }) => (generate['promptMarks'] = { start: [1], end: [] }),
  ],
  ['the photo ahead of everything', ['texts'], ({ generate }) => delete generate['imageTemplate']],
];

describe('chameleon', async () => {
  const row = await openRow('chameleon', schema);
  afterAll(() => row.close());
  const { golden, model } = row;
  const { texts, question } = golden;
  const pixels = golden.photos.map((one): Pixels => new Uint8Array(Buffer.from(one.pixels, 'base64')));

  it('has the pixels of its image processor', async () => {
    for (const one of golden.photos) await row.pixels(one);
  });

  it('makes a photo its tokens, which stay the same when they are kept', async () => {
    const kept = (await see(model, pixels)).map((prefix) => idsOfCodes(fromHalf(toHalf(prefix))));
    const codes = golden.photos.map((one) => one.codes);
    row.same('photo tokens', kept, codes);
  });

  it('writes what the original writes, greedily and with beams', async () => {
    const limit = { maxNewTokens: 10 };
    for (const [at, prefix] of (await see(model, pixels)).entries()) {
      const expected = golden.photos[at];
      const write = async (prompt: object, beams: number): Promise<number[] | undefined> =>
        (await model.generate?.(prefix, prompt, { ...limit, beams }))?.tokens;
      row.same('greedy', await write({}, 1), expected?.caption);
      row.same('greedy', await write({ question }, 1), expected?.answer);
      row.same('beam 3', await write({ question }, 3), expected?.beams);
    }
  });

  it('scores texts after a photo and a photo after texts, control tokens typed in them', async () => {
    row.near('log p(text | photo)', await score(model, 'texts'), expected('texts'));
    row.near('log p(photo | text)', await score(model, 'given'), expected('given'), overPhoto);
  });

  it.each(controls)('misses by far with %s', async (what, shows, edit) => {
    const wrong = await row.edited((manifest) => edit(manifest as unknown as Edited));
    for (const which of shows) row.missed(`${what} (${which})`, await score(wrong, which), expected(which));
  });

  it('misses by far with the tokens in another order, or another question', async () => {
    const turned = (await see(model, pixels)).map((prefix) =>
      prefix.map((_, i) => prefix[prefix.length - 2 - i + 2 * (i % 2)] ?? 0),
    );
    for (const which of ['texts', 'given'] as const)
      row.missed(`tokens in another order (${which})`, await score(model, which, turned), expected(which));
    const other = await score(model, 'texts', undefined, 'who is it?');
    row.missed('another question', other, expected('texts'));
  });

  function expected(which: Which): number[][] {
    return golden.photos.map((one) => one[which]);
  }

  async function score(
    from: Model,
    which: Which,
    known?: Float32Array[],
    asked = question,
  ): Promise<number[][]> {
    const found: number[][] = [];
    for (const prefix of known ?? (await see(from, pixels))) {
      const scores =
        which === 'given'
          ? await from.scorePhoto?.(prefix, texts)
          : await from.score?.(prefix, texts, { prompt: { question: asked } });
      found.push((scores ?? []).map(({ logProbability }) => logProbability));
    }
    return found;
  }
});

/** A sum over 64 tokens, of which each has the usual tolerance. */
const overPhoto = 64e-4;

async function see(model: Model, pixels: Pixels[]): Promise<Float32Array[]> {
  return ((await model.see?.(pixels)) ?? []).map(({ prefix }) => prefix ?? new Float32Array());
}
