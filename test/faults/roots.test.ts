/** Folders that vanish: offline is not deleted, and what comes back is not computed again. */
import { mkdir, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/shared/contract.ts';
import { createEngine } from '../../src/main/engine.ts';
import { indexed, look, photoNamed, scratch, withoutModel } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const count = 20;

describe('a folder of the library', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const away = path.join(folder, 'away');
  const library = path.join(folder, 'library');
  let engine: Engine;
  const state = async (): Promise<string | undefined> => (await engine.status({})).roots[0]?.state;
  /** What was read, by its row: a file that is read again gets a new one. */
  const read = (): unknown[] => look(library, (db) => db.all('SELECT rowid, * FROM cache.thumbnail'));

  beforeAll(async () => {
    await makePhotos(photos, count);
    engine = await createEngine({ library, access: 'write', ...withoutModel });
    await indexed(engine, { folders: [photos] });
    await engine.writeCaption({ id: (await photoNamed(engine, 'photo-007.jpg')).id, text: 'my own words' });
  });
  afterAll(() => engine.close());

  it('is offline while it is not there, with every photo kept, and comes back without a recount', async () => {
    const before = read();
    await rename(photos, away);
    const report = await indexed(engine, {});
    expect(report.failed).toMatchObject([
      { path: photos, reason: expect.stringMatching(/offline/) as string },
    ]);
    expect(await state()).toBe('offline');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(count);
    expect((await engine.search({ query: 'own words' })).hits).toHaveLength(1);

    await rename(away, photos);
    expect(await indexed(engine, {})).toMatchObject({
      photos: count,
      indexed: 0,
      unchanged: count,
      failed: [],
    });
    expect(await state()).toBe('online');
    expect(read()).toEqual(before);
  });

  it('is not filled with sidecars while it is offline', async () => {
    await rename(photos, away);
    const report = await engine.export({ format: 'txt' });
    expect(report.written).toEqual([]);
    expect(report.failed).toHaveLength(1);
    expect(await readdir(folder)).not.toContain('photos');
    await rename(away, photos);
  });

  it('is offline when it is empty, as a drive that is not mounted', async () => {
    await rename(photos, away);
    await mkdir(photos);
    await indexed(engine, {});
    expect(await state()).toBe('offline');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(count);
    await rename(away, photos);
    expect(await indexed(engine, {})).toMatchObject({ photos: count, indexed: 0 });
    expect(await state()).toBe('online');
  });

  it('is offline when more than a fifth of it is gone at once, and nothing is lost', async () => {
    const before = read();
    const names = (await readdir(photos)).slice(0, 6);
    await mkdir(away);
    for (const name of names) await rename(path.join(photos, name), path.join(away, name));
    await indexed(engine, {});
    expect(await state()).toBe('offline');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(count);
    for (const name of names) await rename(path.join(away, name), path.join(photos, name));
    expect(await indexed(engine, {})).toMatchObject({ photos: count, failed: [] });
    expect(await state()).toBe('online');
    expect(read()).toEqual(before);
  });

  it('lets go of a few deleted photos, but keeps what a person wrote for when they come back', async () => {
    const mine = path.join(photos, 'photo-007.jpg');
    await rename(mine, path.join(away, 'photo-007.jpg'));
    await unlink(path.join(photos, 'photo-008.jpg'));
    expect(await indexed(engine, {})).toMatchObject({ photos: count - 2, failed: [] });
    expect(await state()).toBe('online');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(count - 2);
    expect((await engine.search({ query: 'own words' })).hits).toEqual([]);

    await rename(path.join(away, 'photo-007.jpg'), mine);
    expect(await indexed(engine, {})).toMatchObject({ photos: count - 1 });
    expect((await photoNamed(engine, 'photo-007.jpg')).caption).toBe('my own words');
    expect((await engine.search({ query: 'own words' })).hits).toHaveLength(1);
  });

  it('that was removed and is added again brings back the words about its photos', async () => {
    const { roots } = await engine.status({});
    await engine.removeFolder({ id: roots[0]?.id ?? 0 });
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(0);
    await indexed(engine, { folders: [photos] });
    expect((await photoNamed(engine, 'photo-007.jpg')).caption).toBe('my own words');
  });

  it('says that much is missing, and lets go of it when told that it was deleted on purpose', async () => {
    const before = read();
    const there = (await readdir(photos)).length;
    const names = (await readdir(photos)).filter((name) => name.startsWith('photo-00')).slice(0, 6);
    for (const name of names) await rename(path.join(photos, name), path.join(away, name));
    const { failed } = await indexed(engine, {});
    expect(failed).toMatchObject([{ path: photos, reason: expect.stringMatching(/^6 photos/) as string }]);
    expect(await state()).toBe('offline');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(there);

    const accepted = await indexed(engine, { folders: [photos], accept: true });
    expect(accepted).toMatchObject({ photos: there - 6, failed: [] });
    expect(await state()).toBe('online');
    expect((await engine.photos({ offset: 0, limit: 1 })).total).toBe(there - 6);

    // Nothing is lost even so: what comes back is as it was.
    for (const name of names) await rename(path.join(away, name), path.join(photos, name));
    expect(await indexed(engine, {})).toMatchObject({ photos: there, failed: [] });
    expect(read()).toEqual(before);
    await rename(photos, `${photos}.away`);
    await indexed(engine, { accept: true });
    expect(await state()).toBe('offline'); // a folder that is not there says nothing about its files
    await rename(`${photos}.away`, photos);
  });
});
