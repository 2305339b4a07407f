/** The library's own files: one writer, readers beside it, damage set aside, a newer schema left alone. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/main/engine.ts';
import { openLibrary } from '../../src/main/store/database.ts';
import {
  allPhotos,
  embeddings,
  finished,
  indexed,
  look,
  photoNamed,
  placeSamples,
  scratch,
  withEngine,
  withoutModel,
} from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const sha = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

describe('two at one library', () => {
  const folder = scratch();
  const library = path.join(folder, 'library');
  const photos = path.join(folder, 'photos');

  it('refuses a second writer and names the first', async () => {
    await withEngine({ library, holder: 'the first window', ...withoutModel }, async () => {
      const second = createEngine({ library, access: 'write', ...withoutModel });
      await expect(second).rejects.toMatchObject({ code: 'busy' });
      await expect(second).rejects.toThrow(`"the first window" (process ${process.pid})`);
    });
    await withEngine({ library, ...withoutModel }, (engine) => engine.status({})); // free again
  });

  it('lets readers browse and search while a writer indexes, but not write', async () => {
    await makePhotos(photos, 80);
    await withEngine({ library, ...withoutModel }, async (writer) => {
      const job = await writer.index({ folders: [photos] });
      await withEngine({ library, access: 'read', ...withoutModel }, async (reader) => {
        const counts: number[] = [];
        while ((await writer.jobs({})).some((entry) => entry.state === 'running')) {
          counts.push((await reader.status({})).photos);
          await expect(reader.search({ query: 'photo 003' })).resolves.toBeDefined();
        }
        expect(counts.length).toBeGreaterThan(2);
        expect(counts).toEqual([...counts].sort((a, b) => a - b));
        await finished(writer, job.id);
        expect(await reader.status({})).toMatchObject({ photos: 80, writable: false });
        expect((await reader.search({ query: 'photo 003' })).hits[0]?.photo.name).toBe('photo-003.jpg');
        await expect(reader.index({ folders: [photos] })).rejects.toMatchObject({ code: 'busy' });
        await expect(reader.writeCaption({ id: 1, text: 'x' })).rejects.toMatchObject({ code: 'busy' });
      });
    });
  });

  it('says that there is no library rather than making one for a reader', async () => {
    const nowhere = path.join(folder, 'nowhere');
    await withEngine({ library: nowhere, access: 'read', ...withoutModel }, async (reader) => {
      expect(await allPhotos(reader)).toEqual([]);
      await expect(reader.search({ query: 'cat' })).resolves.toMatchObject({ hits: [] });
    });
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe('a damaged cache', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const whole = path.join(folder, 'whole');
  const asIndexed = async (name: string): Promise<string> => {
    const library = path.join(folder, name);
    if (!existsSync(whole)) {
      await placeSamples(photos, ['sample-02.png', 'sample-03.jpg', 'sample-05.jpg', 'sample-14.jpg']);
      await withEngine({ library: whole }, async (engine) => {
        await indexed(engine, { folders: [photos], captions: false });
        await engine.writeCaption({ id: (await photoNamed(engine, 'sample-02.png')).id, text: 'Chelsea' });
      });
    }
    await cp(whole, library, { recursive: true });
    return library;
  };

  it.each([
    [
      'overwritten at its start',
      (file: string) => writeFile(file, 'not a database, and long enough to be read'),
    ],
    [
      'cut in half',
      async (file: string) => truncate(file, Math.floor((await stat(file)).size / 8192) * 4096),
    ],
    ['overwritten in the middle', overwriteMiddle],
  ])('%s is set aside and built again, and every word of a person is kept', async (damage, spoil) => {
    const library = await asIndexed(damage.replaceAll(' ', '-'));
    const ids = embeddings(library).map((row) => row.photoId);
    await spoil(path.join(library, 'cache.db'));
    const spoilt = await sha(path.join(library, 'cache.db'));
    await withEngine({ library }, async (engine) => {
      expect(await indexed(engine, { captions: false })).toMatchObject({ photos: 4, indexed: 4, failed: [] });
      expect((await photoNamed(engine, 'sample-02.png')).caption).toBe('Chelsea');
      expect((await engine.search({ query: 'chelsea' })).hits[0]?.photo.caption).toBe('Chelsea');
    });
    expect(embeddings(library).map((row) => row.photoId)).toEqual(ids);
    const aside = (await readdir(library)).filter((name) => /^cache\.db\.damaged-\d+$/.test(name));
    expect(aside).toHaveLength(1);
    expect(await sha(path.join(library, aside[0] ?? ''))).toBe(spoilt);
  });

  it('that is missing altogether is built again too', async () => {
    const library = await asIndexed('missing');
    await rm(path.join(library, 'cache.db'));
    await withEngine({ library }, async (engine) => {
      expect((await photoNamed(engine, 'sample-02.png')).state).toBe('waiting');
      expect(await indexed(engine, { captions: false })).toMatchObject({ photos: 4, indexed: 4 });
    });
  });
});

async function overwriteMiddle(file: string): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  for (let at = 4096 * 3; at < size; at += 4096) await handle.write(Buffer.alloc(2048, 0xa5), 0, 2048, at);
  await handle.close();
}

describe('the schema', () => {
  const folder = scratch();

  it('is made from nothing, in an order that can be repeated', () => {
    const library = path.join(folder, 'new');
    for (let i = 0; i < 2; i++) openLibrary(library, 'write').close();
    const version = (name: string): unknown =>
      look(library, (db) => db.get<{ user_version: number }>(`PRAGMA ${name}.user_version`)?.user_version);
    expect([version('main'), version('cache')]).toEqual([6, 4]);
    expect(existsSync(path.join(library, 'backups'))).toBe(false); // nothing to lose yet
    const settings = look(library, (db) => db.get('PRAGMA main.journal_mode'));
    expect(settings).toEqual({ journal_mode: 'wal' });
  });

  it('of a newer Iris is refused, and nothing of the library is touched', async () => {
    const library = path.join(folder, 'newer');
    const db = openLibrary(library, 'write');
    db.run('INSERT INTO root (path) VALUES (?)', Buffer.from('/photos'));
    db.run('PRAGMA main.user_version = 99');
    db.close();
    const before = await sha(path.join(library, 'library.db'));
    for (const access of ['write', 'read'] as const) {
      const refusal = createEngine({ library, access, ...withoutModel });
      await expect(refusal).rejects.toMatchObject({ code: 'newer-library' });
      await expect(refusal).rejects.toThrow(/newer Iris.*schema 99/);
    }
    expect(await sha(path.join(library, 'library.db'))).toBe(before);
  });

  it('damaged in what a person wrote is refused with the way out, and left as it is', async () => {
    const library = path.join(folder, 'damaged');
    openLibrary(library, 'write').close();
    await writeFile(path.join(library, 'library.db'), 'this was the library of a person');
    const before = await sha(path.join(library, 'library.db'));
    const refusal = createEngine({ library, access: 'write', ...withoutModel });
    await expect(refusal).rejects.toMatchObject({ code: 'unreadable' });
    await expect(refusal).rejects.toThrow(/backups/);
    expect(await sha(path.join(library, 'library.db'))).toBe(before);
  });
});
