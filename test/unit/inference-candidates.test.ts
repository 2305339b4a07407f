/** A caption chosen among several: what counts for it, and that a photo gets the same one alone and among others. */
import { expect, it } from 'vitest';
import { createGenerateLane } from '../../src/main/compute/generate-lane.ts';
import { agreements, writeCaptions } from '../../src/main/inference/candidates.ts';
import { decodeRows } from '../../src/main/inference/generate.ts';
import { readManifest } from '../../src/main/inference/manifest.ts';
import type { GenerateOptions, Generated, Manifest, Model, Seen } from '../../src/main/inference/model.ts';
import { openPart } from '../../src/main/inference/parts.ts';
import { toHalf } from '../../src/main/lib/vectors.ts';
import { onCpu, tinyDir, toyDecoder } from './inference-helpers.ts';

const manifest = await readManifest(tinyDir);

/** What the fake writer says of a photo: greedily, then with the seeds 0 and 1; and how sure it is of each. */
type Said = readonly [text: string, confidence: number][];

/** Its texts point where `directions` say; a photo's prefix is the number of its row in `said`. */
function modelOf(
  said: readonly Said[],
  directions: Record<string, readonly number[]>,
  weights = { likelihood: 0, agreement: 0 },
): Model & { asked: GenerateOptions[] } {
  const { generate } = manifest;
  if (generate?.family !== 'vlm') throw new Error('The tiny model is of another family.');
  const candidates = { count: 2, temperature: 0.5, ...weights };
  const facts: Manifest = {
    ...manifest,
    generate: { ...generate, captionDecoding: { beams: 1, candidates } },
  };
  const asked: GenerateOptions[] = [];
  const one = (photo: number, place: number): Generated => {
    const [text, confidence] = said[photo]?.[place] ?? ['', 0];
    return { text, confidence, tokens: [], sent: '', droppedTurns: 0 };
  };
  return {
    asked,
    manifest: facts,
    version: 'fake@1',
    provider: 'cpu',
    generate: () => Promise.reject(new Error('A chosen caption is not streamed.')),
    generateBatch: (prefixes, _, options = {}) => {
      asked.push(options);
      const { seeds } = options.sampling ?? {};
      return Promise.resolve(
        prefixes.map(([photo = 0], row) => one(photo, seeds ? (seeds[row] ?? 9) + 1 : 0)),
      );
    },
    embedText: (texts) => Promise.resolve(texts.map((text) => Float32Array.from(directions[text] ?? [0, 0]))),
    close: () => Promise.resolve(),
  };
}

const photo = (row: number, ...embedding: number[]): Seen => ({
  prefix: Float32Array.of(row),
  embedding: Float32Array.from(embedding),
});

const dogOrCat: Said = [
  ['a dog', 0.9],
  ['a cat', 0.5],
  ['a cat', 0.4],
];
const ways = { 'a dog': [1, 0], 'a cat': [0, 1] };

it('takes the candidate that the search side holds to fit best', async () => {
  const model = modelOf([dogOrCat, dogOrCat], ways);
  const photos = [photo(0, 1, 0), photo(1, 0, 1)];
  const both = await writeCaptions(model, photos, {});
  expect(both.map(({ text, confidence }) => [text, confidence])).toEqual([
    ['a dog', 0.9],
    ['a cat', 0.5],
  ]);
  expect(model.asked.map(({ sampling }) => sampling?.seeds)).toEqual([undefined, [0, 1, 0, 1]]);
  const [alone] = await writeCaptions(model, photos.slice(1), {});
  expect(alone).toEqual(both[1]);
});

it('weighs how likely a candidate is, and how much the others say the same', async () => {
  const nearlyEven = [photo(0, 0.6, 0.8)];
  const textBy = async (weights: { likelihood: number; agreement: number }): Promise<string | undefined> =>
    (await writeCaptions(modelOf([dogOrCat], ways, weights), nearlyEven, {}))[0]?.text;
  expect(await textBy({ likelihood: 0, agreement: 0 })).toBe('a cat');
  expect(await textBy({ likelihood: 0.5, agreement: 0 })).toBe('a dog');
  expect(await textBy({ likelihood: 0.5, agreement: 3 })).toBe('a cat');
});

it('keeps to the greedy caption where there is no vector to choose by', async () => {
  const model = modelOf([dogOrCat], ways);
  const [seen] = await writeCaptions(model, [{ prefix: Float32Array.of(0) }], {});
  expect(seen?.text).toBe('a dog');
  const mute: Model = { ...model };
  delete mute.embedText;
  expect((await writeCaptions(mute, [photo(0, 0, 1)], {}))[0]?.text).toBe('a dog');
});

it('chooses by the vector that was kept from indexing, and says the caption at once', async () => {
  const lane = createGenerateLane(() => Promise.resolve(modelOf([dogOrCat], ways)));
  const look = { prefix: toHalf(Float32Array.of(0)), vector: toHalf(Float32Array.of(0, 1)) };
  const [caption] = await lane.captions({ looks: [look] });
  expect(caption?.text).toBe('a cat');
  const told: string[] = [];
  for await (const event of lane.generate({ look, prompt: {} }))
    told.push(event.type === 'delta' ? event.text : event.result.text);
  expect(told).toEqual(['a cat', 'a cat']);
});

it('counts shared runs of one to four words', () => {
  expect(agreements(['a b c d', 'a b c d'], [1, 1])).toEqual([1, 1]);
  // Of 'a b' and 'a c' one word of two is shared, and no pair: (2 * 1 / 4 + 0) / 4; of itself (1 + 1) / 4.
  const [first = 0, second = 0] = agreements(['a b', 'a c'], [3, 1]);
  expect(first).toBeCloseTo((3 * 0.5 + 0.125) / 4, 12);
  expect(second).toBeCloseTo((3 * 0.125 + 0.5) / 4, 12);
  expect(agreements([''], [1])).toEqual([0]);
});

it('draws each row by its own seed, the same wherever it stands', async () => {
  const even = (): number[] => [0, 0, 0, 0, 0, 0, 0, 0];
  const draw = async (seeds: number[]): Promise<number[][]> => {
    const decoder = toyDecoder(
      seeds.map(() => [0]),
      even,
    );
    const rules = { repetitionPenalty: 1, noRepeatNgram: 0, minNewTokens: 0, stopIds: [] };
    const sampling = { temperature: 1, topK: 0, topP: 1, seed: 7, seeds };
    const rows = await decodeRows(decoder, { ...rules, maxNewTokens: 12, sampling });
    return rows.map(({ tokens }) => tokens);
  };
  const [one, two, again] = await draw([3, 4, 3]);
  expect(one).not.toEqual(two);
  expect(again).toEqual(one);
  expect(await draw([4])).toEqual([two]);
});

it('opens a file once for all that read it, until the last closes it', async () => {
  const opening = { dir: tinyDir, manifest, options: onCpu, open: new Map() };
  const [first, second] = [await openPart(opening, 'text.onnx'), await openPart(opening, 'text.onnx')];
  expect(opening.open.size).toBe(1);
  await first.close();
  const ids = { type: 'int64', dims: [1, 2], data: BigInt64Array.of(1n, 2n) } as const;
  const feeds = Object.fromEntries([...second.inputs.keys()].map((name) => [name, ids]));
  expect(Object.keys(await second.run(feeds))).not.toEqual([]);
  await second.close();
  expect(opening.open.size).toBe(0);
});
