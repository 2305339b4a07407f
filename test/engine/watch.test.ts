/** Folders that are watched: what changes in them is looked at without being asked for. */
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Engine } from '../../src/shared/contract.ts';
import { indexed, place, sampleFiles, samples, scratch, withEngine, withoutModel } from './helpers.ts';

const watched = { ...withoutModel, watchMs: 100 };

const names = async (engine: Engine): Promise<string[]> =>
  (await engine.photos({ offset: 0, limit: 100 })).photos.map(({ name }) => name).sort();

const eventually = <T>(read: () => T): ReturnType<typeof expect.poll<Awaited<T>>> =>
  expect.poll(read, { timeout: 30_000 });

/** Ends when no job runs and none is about to. */
async function quiet(engine: Engine): Promise<number> {
  for (;;) {
    await delay(400);
    const jobs = await engine.jobs({});
    if (jobs.every(({ phase }) => phase === 'finished')) return jobs.length;
  }
}

test('photos that come, go and are renamed are noticed; what else is written there is not', async () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const [first = '', second = '', third = ''] = await sampleFiles();
  await place(photos, { [first]: path.join(samples, first) });
  await withEngine({ library: path.join(folder, 'library'), ...watched }, async (engine) => {
    await indexed(engine, { folders: [photos] });
    expect(await names(engine)).toEqual([first]);
    await quiet(engine);

    await place(photos, {
      [second]: path.join(samples, second),
      [`deep/er/${third}`]: path.join(samples, third),
    });
    await eventually(() => names(engine)).toEqual([first, second, third].sort());
    await rename(path.join(photos, first), path.join(photos, 'renamed.jpg'));
    await eventually(() => names(engine)).toEqual(['renamed.jpg', second, third].sort());
    await rm(path.join(photos, second));
    await eventually(() => names(engine)).toEqual(['renamed.jpg', third].sort());

    const before = await quiet(engine);
    await writeFile(path.join(photos, `${third}.xmp`), 'a sidecar');
    expect(await quiet(engine)).toBe(before);
  });
});

test('what changed while Iris was away is found at its start', async () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const [first = '', second = ''] = await sampleFiles();
  await place(photos, { [first]: path.join(samples, first) });
  const library = path.join(folder, 'library');
  await withEngine({ library, ...withoutModel }, (engine) => indexed(engine, { folders: [photos] }));
  await place(photos, { [second]: path.join(samples, second) });
  await withEngine({ library, ...watched }, async (engine) => {
    await eventually(() => names(engine)).toEqual([first, second].sort());
  });
});

test('a look of its own makes way for what a person asks for', async () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const [first = ''] = await sampleFiles();
  await place(photos, { [first]: path.join(samples, first) });
  await withEngine({ library: path.join(folder, 'library'), ...watched }, async (engine) => {
    await indexed(engine, { folders: [photos] });
    await quiet(engine);
    const stop = new AbortController();
    const news = engine.events({}, stop.signal)[Symbol.asyncIterator]();
    const next = news.next();
    const many = Array.from({ length: 60 }, (_, i) => `copy-${i}.jpg`);
    await place(photos, Object.fromEntries(many.map((name) => [name, path.join(samples, first)])));
    await next;
    expect((await indexed(engine)).photos).toBe(61);
    stop.abort();
  });
});
