/** The shipped starter against its PyTorch original, on Pillow's pixels of the sample photos. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dot, normalise } from '../../src/main/lib/vectors.ts';
import { writeCaptions } from '../../src/main/inference/candidates.ts';
import type { Pixels } from '../../src/main/inference/model.ts';
import {
  copyModel,
  editManifest,
  loadWhole,
  readGolden,
  root,
  starterDir,
} from '../unit/inference-helpers.ts';

const numbers = z.array(z.number());
const ids = z.array(z.int());
const chance = z.object({ text: z.string(), probability: z.number() });
const golden = await readGolden(
  'starter.json',
  z.object({
    photos: z
      .array(
        z.object({
          photo: z.string(),
          embedding: numbers,
          captionIds: ids,
          captionWhole: z.boolean(),
          question: z.string(),
          promptIds: ids,
          answerIds: ids,
          answerWhole: z.boolean(),
          answers: z.array(chance).length(5),
          weighed: z.array(chance).length(3),
          follow: z.array(chance).length(3),
          /** Whether it is the same with one answer weighed more or less. */
          followSteady: z.boolean(),
          chosen: z.string(),
          counted: numbers,
        }),
      )
      .min(8),
    queries: z.array(z.object({ query: z.string(), embedding: numbers })).min(8),
    rare: z.array(z.object({ query: z.string(), embedding: numbers })).min(5),
  }),
);

/** The stored weights are int8 and float16 where the original's are float32. */
const least = 0.999;
/** What that makes of a probability at most, near one half. */
const rounding = 0.1;

const model = await loadWhole(starterDir);
/** The same without an answer head, so that the decoder answers. */
const bare = await mkdtemp(join(tmpdir(), 'iris-starter-'));
await cp(starterDir, bare, { recursive: true });
await editManifest(bare, (manifest) => {
  delete manifest['answer'];
});
const writer = await loadWhole(bare);
afterAll(async () => {
  await Promise.all([model.close(), writer.close()]);
  await rm(bare, { recursive: true });
});

const pixels = await Promise.all(golden.photos.map(({ photo }) => readPixels(photo)));
const seen = await model.see(pixels);

/** What Pillow makes of the photo; see make_preprocess_golden.py. */
async function readPixels(photo: string): Promise<Pixels> {
  const path = join(root, 'test/parity/preprocess', `${parse(photo).name}.png`);
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([
    model.manifest.preprocess.width,
    model.manifest.preprocess.height,
    3,
  ]);
  return new Uint8Array(data);
}

function cosine(found: Float32Array | undefined, expected: readonly number[]): number {
  return dot(found ?? new Float32Array(), normalise(Float32Array.from(expected)));
}

describe('image embeddings', () => {
  it.each([...golden.photos.entries()])('of photo %i', async (at, { embedding }) => {
    expect(cosine(seen[at]?.embedding, embedding)).toBeGreaterThan(least);
    const [alone] = await model.see(pixels.slice(at, at + 1));
    expect(cosine(alone?.embedding, [...(seen[at]?.embedding ?? [])])).toBeGreaterThan(0.99999);
  });

  it('miss with red and blue exchanged', async () => {
    const swapped = pixels.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    const wrong = await model.see(swapped);
    const cosines = golden.photos.map(({ embedding }, at) => cosine(wrong[at]?.embedding, embedding));
    expect(Math.min(...cosines)).toBeLessThan(1 - 100 * (1 - least));
  });

  it('miss with another mean', async () => {
    const dir = await copyModel(starterDir);
    await editManifest(dir, (manifest) =>
      Object.assign(manifest['preprocess'] as object, { mean: [0, 0, 0], std: [255, 255, 255] }),
    );
    const other = await loadWhole(dir);
    const wrong = await other.see(pixels);
    await other.close();
    const cosines = golden.photos.map(({ embedding }, at) => cosine(wrong[at]?.embedding, embedding));
    expect(Math.min(...cosines)).toBeLessThan(1 - 100 * (1 - least));
  });
});

describe('what there is to count', () => {
  // After the 68 vectors that the answer head looks at.
  const apart = (at: number, expected: readonly number[]): number => {
    const found = prefixOf(at).slice(68 * expected.length, 69 * expected.length);
    return expected.reduce((sum, value, i) => sum + Math.abs(value - (found[i] ?? 0)), 0);
  };

  it('is found as the detector finds it whose weights are float32, and not as in another photo', () => {
    for (const [at, { photo, counted }] of golden.photos.entries()) {
      const own = apart(at, counted);
      expect(own / counted.length, photo).toBeLessThan(0.01);
      const others = golden.photos.filter((_, other) => other !== at);
      for (const other of others) expect(apart(at, other.counted), photo).toBeGreaterThan(4 * own);
    }
  });
});

describe('text embeddings', () => {
  it('of all queries, alone and together', async () => {
    const together = await model.embedText(golden.queries.map(({ query }) => query));
    for (const [at, { query, embedding }] of golden.queries.entries()) {
      const [alone] = await model.embedText([query]);
      expect(cosine(alone, embedding), query).toBeGreaterThan(least);
      expect(cosine(together[at], embedding), query).toBeGreaterThan(least);
    }
  });

  it('of words that are stored in 4 bits', async () => {
    const found = await model.embedText(golden.rare.map(({ query }) => query));
    for (const [at, { query, embedding }] of golden.rare.entries())
      expect(cosine(found[at], embedding), query).toBeGreaterThan(0.998);
  });

  it('miss for another query', async () => {
    const found = await model.embedText(golden.queries.map(({ query }) => query));
    const cosines = golden.queries.map(({ embedding }, at) =>
      cosine(found[(at + 1) % found.length], embedding),
    );
    expect(Math.max(...cosines)).toBeLessThan(1 - 100 * (1 - least));
  });
});

function prefixOf(at: number): Float32Array {
  const prefix = seen[at]?.prefix;
  if (!prefix) throw new Error(`Photo ${at} has no prefix.`);
  return prefix;
}

/** The golden text ends where the original itself nearly ties; up to there every token is the same. */
function expectDecided(found: readonly number[], expected: readonly number[], whole: boolean): void {
  expect(whole ? found : found.slice(0, expected.length)).toEqual(expected);
}

type Chance = z.infer<typeof chance>;

function expectNear(found: readonly Chance[] = [], expected: readonly Chance[]): void {
  const chances = new Map(found.map(({ text, probability }) => [text, probability]));
  for (const { text, probability } of expected)
    expect(Math.abs((chances.get(text) ?? 0) - probability), text).toBeLessThan(rounding);
}

describe('captions and answers', () => {
  it.each([...golden.photos.entries()])('of photo %i', async (at, expected) => {
    const caption = await model.generate(prefixOf(at), {});
    expectDecided(caption.tokens, expected.captionIds, expected.captionWhole);
    const answer = await writer.generate(prefixOf(at), { question: expected.question });
    expectDecided(answer.tokens, expected.answerIds, expected.answerWhole);
  });

  it('are the same in a batch', async () => {
    const captions = await model.generateBatch(
      golden.photos.map((_, at) => prefixOf(at)),
      {},
    );
    captions.forEach(({ tokens }, at) => {
      const { captionIds = [], captionWhole = false } = golden.photos[at] ?? {};
      expectDecided(tokens, captionIds, captionWhole);
    });
    expect(golden.photos.filter(({ captionWhole }) => captionWhole).length).toBeGreaterThan(4);
  });

  it.each([...golden.photos.entries()])('of the answer head, and as the decoder weighs them, photo %i', async (at, expected) => {
    const told = await model.generate(prefixOf(at), { question: expected.question });
    expectNear(await model.answers(prefixOf(at), expected.question), expected.answers);
    expectNear(told.answers, expected.weighed);
    const [best = { text: '', probability: 0 }] = expected.weighed;
    if (best.probability > 0.6) expect(told.text).toBe(best.text);
    expect([told.text, told.confidence]).toEqual(Object.values(told.answers?.[0] ?? {}));
  });

  it('about doings lean on the words of the photo, which come last, and others do not', async () => {
    const moved = async (question: string): Promise<number> => {
      const apart = await Promise.all(
        golden.photos.map(async (_, at) => {
          const wordless = prefixOf(at).slice().fill(0, 69 * 320);
          const [found, without] = await Promise.all(
            [prefixOf(at), wordless].map((prefix) => model.answers(prefix, question)),
          );
          const before = new Map(without?.map(({ text, probability }) => [text, probability]));
          return Math.max(...(found ?? []).map(({ text, probability }) => probability - (before.get(text) ?? 0)));
        }),
      );
      return apart.filter((most) => most > rounding).length;
    };
    expect(await moved('what are they doing?')).toBeGreaterThan(3);
    expect(await moved('is there a dog?')).toBe(0);
  });

  const steady = [...golden.photos.entries()].filter(([, { followSteady }]) => followSteady);
  it('have photos enough whose answers after a turn are no near ties', () => {
    expect(steady.length).toBeGreaterThan(6);
  });

  it.each(steady)('after a turn, photo %i', async (at, { follow }) => {
    const history = [{ question: 'is there a person?', answer: 'yes' }];
    const told = await model.generate(prefixOf(at), { question: 'what are they doing?', history });
    expectNear(told.answers, follow.filter(({ probability }) => probability > 0.15));
  });

  it('are refused with a reason where the decoder has no room for the question', async () => {
    const question = `is there a ${'very '.repeat(400)}tall man?`;
    await expect(model.generate(prefixOf(0), { question })).rejects.toThrow(/\d+ tokens and \d+ fit/);
  });

  it('are chosen among several as the training scripts do, alone and together', async () => {
    const together = await writeCaptions(model, seen, {});
    expect(together.map(({ text }) => text)).toEqual(golden.photos.map(({ chosen }) => chosen));
    const [alone] = await writeCaptions(model, seen.slice(3, 4), {});
    expect(alone?.text).toBe(golden.photos[3]?.chosen);
    const greedy = await model.generateBatch(
      golden.photos.map((_, at) => prefixOf(at)),
      {},
    );
    expect(greedy.map(({ text }) => text)).not.toEqual(together.map(({ text }) => text));
  });

  it('have the likelihood with which they were written, and a lower one for another photo', async () => {
    const own = await Promise.all(
      golden.photos.map(async (_, at) => {
        const { text, tokens, confidence } = await model.generate(prefixOf(at), {});
        const other = (at + 1) % golden.photos.length;
        const [here, there] = await Promise.all(
          [at, other].map((photo) => model.score(prefixOf(photo), [text], { end: true })),
        );
        const expected = (tokens.length + 1) * Math.log(confidence);
        expect(here?.[0]?.logProbability).toBeCloseTo(expected, 3);
        return (here?.[0]?.logProbability ?? NaN) > (there?.[0]?.logProbability ?? NaN);
      }),
    );
    expect(own).not.toContain(false);
  });

  it('are others without the picture', async () => {
    const empty = golden.photos.map((_, at) => prefixOf(at).map(() => 0));
    const captions = await model.generateBatch(empty, {});
    const same = captions.filter(({ tokens }, at) => {
      const { captionIds = [] } = golden.photos[at] ?? {};
      return tokens.slice(0, captionIds.length).join() === captionIds.join();
    });
    expect(same.length).toBeLessThan(3); // one or two are cut after the words that begin every caption
  });
});
