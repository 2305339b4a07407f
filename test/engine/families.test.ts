/** Models of other families in the engine: a second look at what was found, labels, and answers with probabilities. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job, SearchAnswer } from '../../src/shared/contract.ts';
import { decode, pixelsFor } from '../../src/main/compute/decode.ts';
import { createEngine } from '../../src/main/engine.ts';
import type { Matched, Model } from '../../src/main/inference/model.ts';
import { loadModel } from '../../src/main/inference/registry.ts';
import { editManifest, onCpu } from '../unit/inference-helpers.ts';
import { allPhotos, indexed, placeRow, placeSamples, sampleFiles, scratch } from './helpers.ts';

const folder = scratch();
const photos = path.join(folder, 'photos');
const modelsDir = path.join(folder, 'models');
const query = 'two children on a beach';

await placeSamples(photos);
for (const row of ['blip-retrieve', 'vilt-match', 'vilt-answer', 'blip-caption', 'chameleon', 'florence2'])
  await placeRow(row, modelsDir);
// Whatever its random weights write is a place, so that there are boxes.
await editManifest(path.join(modelsDir, 'florence2'), ({ generate }) => {
  const places = { first: 5, count: 10_000, bins: 500, centre: false, order: 'xyxy', label: 'before' };
  Object.assign(generate as object, { locations: places });
});
const engine = await createEngine({ library: path.join(folder, 'library'), access: 'write', modelsDir });

beforeAll(async () => {
  await engine.useModel({ role: 'search', id: 'blip-retrieve' });
  await indexed(engine, { folders: [photos], captions: false });
}, 120_000);
afterAll(() => engine.close());

/** The photos' names in the order of what the model says of each by itself, and that. */
async function judged(
  row: string,
  judge: (model: Model, prefix: Float32Array) => Promise<number>,
): Promise<[string, string][]> {
  const model = await loadModel(path.join(modelsDir, row), ['vision', 'generate'], onCpu);
  const found: [string, number][] = [];
  for (const name of await sampleFiles()) {
    const { picture } = await decode(await readFile(path.join(photos, name)), name);
    const [seen] = (await model.see?.([await pixelsFor(picture, model.manifest.preprocess)])) ?? [];
    found.push([name, await judge(model, seen?.prefix ?? new Float32Array())]);
  }
  await model.close();
  return found.sort(([, a], [, b]) => b - a).map(([name, value]) => [name, value.toFixed(3)]);
}

const matching = (model: Model, prefix: Float32Array): Promise<number> =>
  (model.match?.(prefix, [query]) ?? Promise.resolve<Matched[]>([])).then(([one]) => one?.itm ?? NaN);

const told = ({ hits }: SearchAnswer): [string, string][] =>
  hits.map(({ photo, why }) => [photo.name, why.find(({ kind }) => kind === 'match')?.detail ?? '']);

describe('a second look', () => {
  it.each([
    ['blip-retrieve', true as const, matching],
    ['vilt-match', 'vilt-match', matching],
    [
      'blip-caption',
      'blip-caption',
      async (model: Model, prefix: Float32Array) => {
        const [scored] = (await model.score?.(prefix, [query])) ?? [];
        return Math.exp((scored?.logProbability ?? NaN) / (scored?.tokens ?? NaN));
      },
    ],
  ])('orders what was found as %s says', async (row, rerank, judge) => {
    const plain = await engine.search({ query });
    const jobs: Job[] = [];
    const listening = new AbortController();
    const events = engine.events({}, listening.signal);
    const heard = (async () => {
      for await (const event of events) if (event.type === 'job') jobs.push(event.job);
    })();
    const found = await engine.search({ query, rerank });
    listening.abort();
    await heard;
    expect(told(found)).toEqual(await judged(row, judge));
    expect(new Set(told(found).map(([name]) => name))).toEqual(new Set(told(plain).map(([name]) => name)));
    expect(told(found).map(([name]) => name)).not.toEqual(told(plain).map(([name]) => name));
    if (row !== 'blip-caption')
      expect(found.hits.map(({ likely }) => likely)).toEqual(
        told(found).map(([, fits]) => Number(fits) >= 0.5),
      );
    const all = plain.hits.length;
    expect(jobs.at(-1)).toMatchObject({ kind: 'rerank', state: 'done', done: all, total: all });
  });

  it('gives as many as were asked for, the best of all that were looked at', async () => {
    const all = await engine.search({ query, rerank: true });
    expect((await engine.search({ query, rerank: true, limit: 2 })).hits).toEqual(all.hits.slice(0, 2));
    expect((await engine.search({ query: ' ', rerank: true })).hits).toEqual([]);
  });

  it('refuses a model that cannot tell, and one that is not there', async () => {
    const cannot = engine.search({ query, rerank: 'vilt-answer' });
    await expect(cannot).rejects.toMatchObject({ code: 'model' });
    await expect(cannot).rejects.toThrow(/cannot write captions.*answer questions/);
    await expect(engine.search({ query, rerank: 'nobody' })).rejects.toThrow(/"nobody"/);
    const stop = AbortSignal.abort();
    await expect(engine.search({ query, rerank: true }, stop)).rejects.toMatchObject({ code: 'aborted' });
  });
});

it('says how likely the photo is after each label, by a model whose photos are tokens', async () => {
  const photo = { path: path.join(photos, 'sample-05.jpg') };
  const labels = ['a dog', 'a red bench', 'the sea'];
  const { labels: fits } = await engine.classify({ photo, labels, model: 'chameleon' });
  const model = await loadModel(path.join(modelsDir, 'chameleon'), ['vision', 'generate'], onCpu);
  const { picture } = await decode(await readFile(photo.path), 'sample-05.jpg');
  const [seen] = (await model.see?.([await pixelsFor(picture, model.manifest.preprocess)])) ?? [];
  const expected = await model.scorePhoto?.(seen?.prefix ?? new Float32Array(), labels);
  await model.close();
  fits.forEach(({ logPhoto }, at) => expect(logPhoto).toBeCloseTo(expected?.[at]?.logProbability ?? NaN, 4));
  expect(fits.reduce((sum, { photoGiven }) => sum + (photoGiven ?? NaN), 0)).toBeCloseTo(1, 5);
  const ratio = Math.log((fits[0]?.photoGiven ?? NaN) / (fits[1]?.photoGiven ?? NaN));
  expect(ratio).toBeCloseTo((fits[0]?.logPhoto ?? NaN) - (fits[1]?.logPhoto ?? NaN), 3);
  const without = await engine.classify({ photo, labels, model: 'blip-caption' });
  expect(without.labels.map(({ logPhoto }) => logPhoto)).toEqual([null, null, null]);
});

it('tells boxes in pixels of the upright original', async () => {
  const photo = { path: path.join(photos, 'sample-09.jpg') };
  const { boxes = [] } = await engine.caption({ photo, prompt: '<OD>', model: 'florence2' });
  const model = await loadModel(path.join(modelsDir, 'florence2'), ['vision', 'generate'], onCpu);
  const { picture, width, height } = await decode(await readFile(photo.path), 'sample-09.jpg');
  const [seen] = (await model.see?.([await pixelsFor(picture, model.manifest.preprocess)])) ?? [];
  const told = await model.generate?.(seen?.prefix ?? new Float32Array(), { caption: '<OD>' });
  await model.close();
  const side = [width, height, width, height];
  expect(boxes.length).toBeGreaterThan(0);
  expect(boxes.map(({ box }) => box)).toEqual(
    told?.boxes?.map(({ box }) => box.map((part, at) => Math.trunc(part * (side[at] ?? 0)))),
  );
  expect(Math.max(picture.width, picture.height)).toBeLessThan(Math.max(width, height));
  const without = await engine.caption({ photo, model: 'blip-caption' });
  expect(without).not.toHaveProperty('boxes');
  const { id = 0 } = (await allPhotos(engine)).find(({ name }) => name === 'sample-09.jpg') ?? {};
  const { captions } = await engine.photo({ id });
  expect(captions.find(({ prompt }) => prompt === '<OD>')?.boxes).toEqual(boxes);
  expect(captions.find(({ prompt }) => prompt === '')).not.toHaveProperty('boxes');
});

it('keeps what an answer was chosen from with the talk', async () => {
  const [{ id } = { id: 0 }] = (await engine.photos({ offset: 0, limit: 1 })).photos;
  for await (const event of engine.chat({ photo: { id }, text: 'what is it?', model: 'vilt-answer' }))
    expect(event.type).not.toBe('error');
  const { chat } = await engine.photo({ id });
  const [asked, answer] = chat;
  expect(asked).not.toHaveProperty('answers');
  expect(answer?.answers).toHaveLength(5);
  expect(answer?.answers?.[0]?.text).toBe(answer?.text);
  const probabilities = answer?.answers?.map(({ probability }) => probability) ?? [];
  expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
  const once = await engine.ask({ photo: { id }, question: 'what is it?', model: 'vilt-answer' });
  expect(once.answers).toEqual(answer?.answers);
});
