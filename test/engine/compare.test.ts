/** Changing the search model: built beside the one that serves, compared by thumbs, there and back without a vision pass. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forkChild, type Fork } from '../../src/main/compute/ports.ts';
import { createEngine } from '../../src/main/engine.ts';
import { recallAt } from '../../src/main/lib/recall.ts';
import { finished, indexed, photoNamed, placeRow, placeSamples, sampleFiles, scratch } from './helpers.ts';

const folder = scratch();
const photos = path.join(folder, 'photos');
const modelsDir = path.join(folder, 'models');
const queries = ['a dog', 'two children on a beach', 'a red car in the snow', 'food on a table'];

/** Vision passes so far: the index lane says when its model begins one. */
let passes = 0;
const counting: Fork = (entry, config) => {
  const child = forkChild(entry, config);
  child.onMessage((message) => {
    const event = 'chunk' in message ? (message.chunk as { kind?: string; running?: boolean }) : {};
    if (event.kind === 'model' && event.running) passes += 1;
  });
  return child;
};

await placeSamples(photos, (await sampleFiles()).slice(0, 12));
await placeRow('clip', modelsDir);
await placeRow('siglip2', modelsDir);
const library = path.join(folder, 'library');
const engine = await createEngine({ library, access: 'write', modelsDir, fork: counting });
afterAll(() => engine.close());

/** Photos in the order in which the model that searches now ranks them. */
async function ranked(query: string): Promise<number[]> {
  const { hits } = await engine.search({ query, limit: 12 });
  return hits.map(({ photo }) => photo.id);
}

async function rankings(): Promise<number[][]> {
  const found: number[][] = [];
  for (const query of queries) found.push(await ranked(query));
  return found;
}

describe('changing the search model', { timeout: 240_000 }, () => {
  let before: number[][] = [];
  let after: number[][] = [];
  const searchesWith = async (): Promise<string | undefined> => (await engine.status({})).models.search?.id;

  beforeAll(async () => {
    await engine.useModel({ role: 'search', id: 'clip' });
    await indexed(engine, { folders: [photos], captions: false });
    before = await rankings();
  }, 120_000);

  it('refuses to compare what is not built, and says how to build it', async () => {
    const comparing = engine.compareModels({ ids: ['clip', 'siglip2'] });
    await expect(comparing).rejects.toMatchObject({ code: 'model' });
    await expect(comparing).rejects.toThrow(/0 of 12 photos.*iris index --model siglip2/);
    await expect(engine.compareModels({ ids: ['clip', 'clip'] })).rejects.toThrow(/both are "clip"/);
    await expect(engine.index({ model: 'nobody' })).rejects.toThrow(/no model "nobody"/);
  });

  it('builds the index of another model while the one before it goes on searching', async () => {
    const done = passes;
    const job = await engine.index({ model: 'siglip2', captions: false });
    await engine.pause({ job: job.id });
    expect(await rankings()).toEqual(before);
    await engine.resume({ job: job.id });
    expect(await finished(engine, job.id)).toMatchObject({ state: 'done', report: { indexed: 12 } });
    expect(passes).toBe(done + 1); // twelve photos are one batch
    expect(await searchesWith()).toBe('clip');
    expect(await rankings()).toEqual(before);
  });

  it('switches there and back at once, without a vision pass', async () => {
    const done = passes;
    expect(await engine.useModel({ role: 'search', id: 'siglip2' })).toBeNull();
    expect(await searchesWith()).toBe('siglip2');
    after = await rankings();
    expect(after).not.toEqual(before);
    expect(await engine.useModel({ role: 'search', id: 'clip' })).toBeNull();
    expect(await rankings()).toEqual(before);
    expect(await indexed(engine, { captions: false })).toMatchObject({ indexed: 0 });
    expect(passes).toBe(done);
  });

  it('compares them by saved searches and thumbs, as their own rankings have it', async () => {
    const ids = ['clip', 'siglip2'] as [string, string];
    expect(await engine.compareModels({ ids })).toMatchObject({
      ...{ searches: 0, photos: 0, better: null, p: 1 },
      models: [{ recall: null }, { recall: null }],
    });
    const right = after.map((order) => order.slice(0, 2)); // what the second model has first
    for (const [at, query] of queries.entries())
      await engine.judge({ query, photos: (right[at] ?? []).map((id) => ({ id })), good: true });
    const worst = await photoNamed(engine, 'sample-01.jpg');
    await engine.judge({ query: 'a pool', photos: [{ id: worst.id }], good: false });
    await engine.saveSearch({ name: 'Water', query: 'water', filter: {} });
    await engine.saveSearch({ name: 'Dogs', query: 'a dog', filter: {} });
    const found = await engine.compareModels({ ids });
    const mean = (orders: number[][], k: number): number =>
      orders.reduce((sum, order, at) => sum + recallAt(order, new Set(right[at]), k), 0) / orders.length;
    expect(found).toMatchObject({ searches: 4, photos: 8, refused: 1, unjudged: 1, better: null });
    for (const k of [1, 5, 10] as const) {
      expect(found.models[0]?.recall?.[k]).toBeCloseTo(mean(before, k), 9);
      expect(found.models[1]?.recall?.[k]).toBe(1);
    }
    expect(mean(before, 1)).toBeLessThan(1);
    expect(found.wins[0]).toBe(0);
    expect(found.each.map(({ query }) => query).toSorted()).toEqual(queries.toSorted());
    const { hits } = await engine.search({ query: 'a dog', limit: 12 });
    expect(
      hits
        .filter(({ good }) => good === true)
        .map(({ photo }) => photo.id)
        .toSorted(),
    ).toEqual(right[0]?.toSorted());
  });
});
