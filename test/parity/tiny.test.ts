/** The families on a tiny random model of real architectures, against what its PyTorch original gave. */
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Generated, Prompt, Scored, ScoreOptions } from '../../src/main/inference/model.ts';
import {
  copyTiny,
  editManifest,
  loadWhole,
  readGolden,
  tinyDir,
  tinyPhoto,
} from '../unit/inference-helpers.ts';

const numbers = z.array(z.number());
const scored = z.object({ caption: numbers, captionEnd: numbers, answer: numbers, answerEnd: numbers });
const golden = await readGolden(
  'tiny.json',
  z.object({
    texts: z.array(z.object({ text: z.string(), ids: numbers, embedding: numbers })),
    photos: z.array(
      z.object({
        embedding: numbers,
        prefix: numbers,
        caption: numbers,
        prompted: numbers,
        answer: numbers,
        beams: numbers,
      }),
    ),
    scored: z.object({
      texts: z.array(z.string()),
      tokens: z.object({ caption: numbers, answer: numbers }),
      photos: z.array(scored),
      prior: scored,
    }),
    asked: z.string(),
    question: z.string(),
    history: z.array(z.object({ question: z.string(), answer: z.string() })),
  }),
);

const model = await loadWhole(tinyDir);
afterAll(() => model.close());

function largestDifference(found: ArrayLike<number> | undefined, expected: readonly number[]): number {
  expect(found?.length).toBe(expected.length);
  return Math.max(...expected.map((x, i) => Math.abs(x - (found?.[i] ?? NaN))));
}

/** Float32 on both sides; the golden file has six decimals. */
const tolerance = 1e-5;

const photos = [0, 1, 2].map(tinyPhoto);
const prefixes = golden.photos.map((row) => Float32Array.from(row.prefix));

function prefixOf(photo: number): Float32Array {
  return prefixes[photo] ?? new Float32Array();
}

describe('one vision pass', () => {
  it('gives embedding and prefix, alone and in a batch', async () => {
    const together = await model.see(photos);
    const alone = await Promise.all(photos.map((photo) => model.see([photo])));
    for (const [at, expected] of golden.photos.entries()) {
      for (const seen of [together[at], alone[at]?.[0]]) {
        expect(largestDifference(seen?.embedding, expected.embedding)).toBeLessThan(tolerance);
        expect(largestDifference(seen?.prefix, expected.prefix)).toBeLessThan(tolerance);
      }
    }
  });

  it('gives nothing for no photos', async () => {
    expect(await model.see([])).toEqual([]);
  });

  it.each([
    ['another mean', { mean: [120, 110, 101] }],
    ['mean and std of other channels', { mean: [100, 110, 120], std: [70, 64, 60] }],
    ['another std', { std: [60, 64, 71] }],
  ])('misses by far with %s', async (_, change) => {
    const dir = await copyTiny();
    await editManifest(dir, (manifest) => Object.assign(manifest['preprocess'] as object, change));
    const wrong = await loadWhole(dir);
    const [seen] = await wrong.see(photos);
    await wrong.close();
    const missed = largestDifference(seen?.embedding, golden.photos[0]?.embedding ?? []);
    expect(missed).toBeGreaterThan(100 * tolerance);
  });

  it('misses by far with red and blue exchanged', async () => {
    const swapped = photos.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    const [seen] = await model.see(swapped);
    expect(largestDifference(seen?.embedding, golden.photos[0]?.embedding ?? [])).toBeGreaterThan(
      1000 * tolerance,
    );
  });
});

describe('text embeddings', () => {
  it('are the same alone and padded in a batch', async () => {
    const together = await model.embedText(golden.texts.map(({ text }) => text));
    for (const [at, { text, embedding }] of golden.texts.entries()) {
      const [alone] = await model.embedText([text]);
      expect(largestDifference(alone, embedding), text).toBeLessThan(tolerance);
      expect(largestDifference(together[at], embedding), text).toBeLessThan(tolerance);
    }
  });

  it('serve more texts than one run takes', async () => {
    const many = Array.from({ length: 40 }, (_, i) => golden.texts[i % golden.texts.length]?.text ?? '');
    const found = await model.embedText(many);
    expect(found).toHaveLength(40);
    expect(largestDifference(found[36], golden.texts[1]?.embedding ?? [])).toBeLessThan(tolerance);
  });

  it('tell apart what differs', async () => {
    const [other] = await model.embedText(['a dog!']);
    expect(largestDifference(other, golden.texts[0]?.embedding ?? [])).toBeGreaterThan(1000 * tolerance);
  });
});

const asked: Prompt = { question: golden.question, history: golden.history };

describe('generated text', () => {
  it.each([0, 1, 2])('is that of transformers for photo %i', async (at) => {
    const expected = golden.photos[at];
    const prefix = prefixOf(at);
    expect((await model.generate(prefix, {})).tokens).toEqual(expected?.caption);
    expect((await model.generate(prefix, { caption: 'two children ' })).tokens).toEqual(expected?.prompted);
    expect((await model.generate(prefix, {}, { beams: 3 })).tokens).toEqual(expected?.beams);
    const answer = await model.generate(prefix, asked);
    expect(answer.tokens).toEqual(expected?.answer);
    expect(answer).toMatchObject({ sent: golden.asked, droppedTurns: 0 });
  });

  it('is the same in a batch', async () => {
    const captions = await model.generateBatch(prefixes, {});
    expect(captions.map(({ tokens }) => tokens)).toEqual(golden.photos.map(({ caption }) => caption));
    const alone = await Promise.all(prefixes.map((prefix) => model.generate(prefix, asked)));
    const together = await model.generateBatch(prefixes, asked);
    expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    together.forEach(({ confidence }, at) => expect(confidence).toBeCloseTo(alone[at]?.confidence ?? NaN, 5));
    const beams = await model.generateBatch(prefixes, {}, { beams: 3 });
    expect(beams.map(({ tokens }) => tokens)).toEqual(golden.photos.map((row) => row.beams));
  });

  it.each<[string, (prefix: Float32Array) => Float32Array, Prompt]>([
    ['no picture', (prefix) => prefix.map(() => 0), asked],
    ['the parts of the picture in another order', (prefix) => prefix.toReversed(), asked],
    ['a dropped turn', (prefix) => prefix, { question: golden.question }],
  ])('is another with %s', async (_, change, prompt) => {
    const same = await Promise.all(
      golden.photos.map(async ({ answer }, at) => {
        const { tokens } = await model.generate(change(prefixOf(at)), prompt);
        return tokens.join() === answer.join();
      }),
    );
    expect(same).toEqual([false, false, false]);
  });

  it('streams what it returns, and shows a caption that a person began whole', async () => {
    for (const prompt of [{}, asked, { caption: 'Two children ' }]) {
      const pieces: string[] = [];
      const { text } = await model.generate(prefixOf(0), prompt, { onText: (piece) => pieces.push(piece) });
      expect(pieces.join('')).toBe(text);
      expect(pieces.length).toBeGreaterThan(1);
      if (prompt.caption) expect(text.startsWith('Two children')).toBe(true);
    }
  });

  it('stops between tokens when aborted', async () => {
    const abort = new AbortController();
    const run = model.generate(prefixOf(0), {}, { signal: abort.signal, onText: () => abort.abort() });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    expect((await model.generate(prefixOf(0), {})).tokens).toEqual(golden.photos[0]?.caption);
  });

  it('is repeatable when it is sampled', async () => {
    const sample = async (seed: number): Promise<string> => {
      const sampling = { temperature: 1, topK: 20, topP: 0.95, seed };
      return (await model.generate(prefixOf(0), {}, { sampling })).text;
    };
    expect(await sample(1)).toBe(await sample(1));
    expect(await sample(1)).not.toBe(await sample(2));
  });

  it('says how sure it is of an answer, by the figures of its manifest', async () => {
    const [scale, bias] = [0.7, -0.2];
    const dir = await copyTiny();
    const told = async (least: number): Promise<Generated[]> => {
      await editManifest(dir, (manifest) =>
        Object.assign(manifest['generate'] as object, { sureness: { scale, bias, least } }),
      );
      const judging = await loadWhole(dir);
      const made = [await judging.generate(prefixOf(0), asked), await judging.generate(prefixOf(0), {})];
      await judging.close();
      return made;
    };
    const [answer, caption] = await told(0);
    const odds = (answer?.confidence ?? NaN) / (1 - (answer?.confidence ?? NaN));
    // Platt's sigmoid over a logit, by powers of the odds instead of logarithms.
    const lifted = Math.exp(bias) * odds ** scale;
    expect(answer?.sureness?.probability).toBeCloseTo(lifted / (1 + lifted), 10);
    expect([answer?.sureness?.sure, caption?.sureness]).toEqual([true, undefined]);
    expect((await told(1))[0]?.sureness).toEqual({ ...answer?.sureness, sure: false });
    expect((await model.generate(prefixOf(0), asked)).sureness).toBeUndefined();
  });

  it('refuses a prefix of another size', async () => {
    await expect(model.generate(new Float32Array(7), {})).rejects.toThrow(/7 numbers instead of 128/);
  });
});

describe('log p(text | image)', () => {
  const { texts, tokens, photos: expected, prior } = golden.scored;
  /** Of sums of up to eighteen logarithms in float32, down to -150. */
  const near = 1e-4;
  const score = async (at: number, options: ScoreOptions, of: readonly string[] = texts): Promise<Scored[]> =>
    model.score(prefixOf(at), of, options);
  const sums = (rows: Scored[]): number[] => rows.map(({ logProbability }) => logProbability);

  it.each([0, 1, 2])("is the negative of transformers' loss for photo %i, and so is the prior", async (at) => {
    const caption = await score(at, { prior: true });
    expect(largestDifference(sums(caption), expected[at]?.caption ?? [])).toBeLessThan(near);
    expect(caption.map((row) => row.tokens)).toEqual(tokens.caption);
    const unseen = caption.map((row) => row.prior ?? NaN);
    expect(largestDifference(unseen, prior.caption)).toBeLessThan(near);
    const answer = await score(at, { prompt: asked, prior: true });
    expect(largestDifference(sums(answer), expected[at]?.answer ?? [])).toBeLessThan(near);
    expect(largestDifference(answer.map((row) => row.prior ?? NaN), prior.answer)).toBeLessThan(near);
  });

  it('counts the end where it is asked to', async () => {
    const caption = await score(0, { end: true, prior: true });
    expect(largestDifference(sums(caption), expected[0]?.captionEnd ?? [])).toBeLessThan(near);
    expect(largestDifference(caption.map((row) => row.prior ?? NaN), prior.captionEnd)).toBeLessThan(near);
    const answer = await score(0, { prompt: asked, end: true });
    expect(largestDifference(sums(answer), expected[0]?.answerEnd ?? [])).toBeLessThan(near);
  });

  it('is the same alone, in any order, and among many more than are run at once', async () => {
    const alone = await Promise.all(texts.map((text) => score(1, {}, [text])));
    expect(largestDifference(sums(alone.flat()), expected[1]?.caption ?? [])).toBeLessThan(near);
    const turned = await score(1, {}, texts.toReversed());
    expect(largestDifference(sums(turned), (expected[1]?.caption ?? []).toReversed())).toBeLessThan(near);
    const words = 'abcdefghij'.split('').flatMap((a) => 'vwxyz'.split('').map((b) => `${a} dog ${b}${a} in`));
    const many = await score(1, {}, [...words, ...texts]);
    expect(largestDifference(sums(many.slice(50)), expected[1]?.caption ?? [])).toBeLessThan(near);
    const some = await score(1, {}, words.slice(40));
    expect(largestDifference(sums(many.slice(40, 50)), sums(some))).toBeLessThan(near);
  });

  it.each<[string, (at: number) => Promise<Scored[]>]>([
    ['another picture', (at) => score((at + 1) % 3, {})],
    ['no picture', (at) => model.score(prefixOf(at).map(() => 0), texts, {})],
    ['the parts of the picture in another order', (at) => model.score(prefixOf(at).toReversed(), texts, {})],
    ['another prompt', (at) => score(at, { prompt: asked })],
    ['each text moved on by a word', (at) => score(at, { prompt: { caption: 'a photo' } })],
    ['the end counted', (at) => score(at, { end: true })],
    ['texts filled up to one length', (at) => score(at, {}, filledUp(texts))],
  ])('misses by far with %s', async (_, wrong) => {
    for (const at of [0, 1, 2]) {
      const found = sums(await wrong(at));
      const off = found.map((x, i) => Math.abs(x - (expected[at]?.caption[i] ?? NaN)));
      expect(off.sort((a, b) => a - b)[Math.floor(off.length / 2)]).toBeGreaterThan(100 * near);
    }
  });

  it('is 0 for a text of nothing, and says which text is too long', async () => {
    expect(await score(0, {}, ['', 'dog'])).toMatchObject([{ logProbability: 0, tokens: 0 }, { tokens: 1 }]);
    expect(await score(0, {}, [])).toEqual([]);
    const long = score(0, {}, ['dog', 'snow '.repeat(80)]);
    await expect(long).rejects.toMatchObject({ code: 'bad-request' });
    await expect(long).rejects.toThrow(/"snow snow .*has \d+ tokens and \d+ fit/);
  });
});

/** As rows of one tensor would be whose padding was not masked. */
function filledUp(texts: readonly string[]): string[] {
  const longest = Math.max(...texts.map((text) => text.length));
  return texts.map((text) => text + '!'.repeat(longest - text.length));
}
