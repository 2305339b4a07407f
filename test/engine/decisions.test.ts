/** What a person decided, with a second Iris that only reads, and failures that are read again. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLibrary } from '../../src/main/store/database.ts';
import {
  fixture,
  indexed,
  photoNamed,
  place,
  placeSamples,
  scratch,
  withEngine,
  withoutModel,
} from './helpers.ts';

describe('decisions', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');

  it('are shown to a reader, who can make none', async () => {
    await placeSamples(photos, ['sample-02.png', 'sample-03.jpg']);
    await withEngine({ library, ...withoutModel }, async (writer) => {
      await indexed(writer, { folders: [photos] });
      const ids = [(await photoNamed(writer, 'sample-02.png')).id];
      await writer.rate({ ids, rating: 4 });
      await writer.saveSettings({ key: 'theme', value: 'dark' });
      await withEngine({ library, access: 'read', ...withoutModel }, async (reader) => {
        const best = (): Promise<{ total: number }> => reader.photos({ rating: 4, offset: 0, limit: 5 });
        expect(await best()).toMatchObject({ total: 1 });
        const leaving = new AbortController();
        const news = writer.events({}, leaving.signal)[Symbol.asyncIterator]().next();
        await writer.rate({ ids, rating: 3 });
        expect((await news).value).toEqual({ type: 'photos', count: 1 }); // for other windows
        leaving.abort();
        expect(await best()).toMatchObject({ total: 0 }); // answers are kept only while nothing changes
        expect(await reader.settings({})).toEqual({ theme: 'dark' });
        const busy = { code: 'busy' };
        await expect(reader.saveSettings({ key: 'theme', value: 'light' })).rejects.toMatchObject(busy);
        await expect(reader.rate({ ids, rating: 1 })).rejects.toMatchObject(busy);
        await expect(reader.tag({ ids, add: ['x'], remove: [] })).rejects.toMatchObject(busy);
        await expect(reader.saveSearch({ name: 'x', query: 'x', filter: {} })).rejects.toMatchObject(busy);
      });
    });
  });

  it('outlive a cache that is lost, and a failed file that was mended is read when asked', async () => {
    const broken = path.join(photos, 'broken.jpg');
    await place(photos, { 'broken.jpg': fixture('truncated.jpg') });
    await withEngine({ library, ...withoutModel }, async (engine) => {
      const report = await indexed(engine, {});
      expect(report.failed.map((entry) => entry.path)).toEqual([broken]);
      expect((await engine.problems({ offset: 0, limit: 5 })).total).toBe(1);
    });
    // Quarantined, as by a decoder that died, though the file itself is sound.
    const db = openLibrary(library, 'write');
    const sound = db.get<{ id: number }>("SELECT id FROM file WHERE name = 'sample-03.jpg'")?.id ?? 0;
    db.run("INSERT INTO cache.problem (file_id, kind, reason) VALUES (?, 'failed', 'It stopped.')", sound);
    db.run('INSERT INTO cache.in_flight (file_id, deaths) VALUES (?, 2)', sound);
    db.run('DELETE FROM cache.metadata');
    db.close();
    await withEngine({ library, ...withoutModel }, async (engine) => {
      expect(await photoNamed(engine, 'sample-02.png')).toMatchObject({ rating: 3, state: 'waiting' });
      const report = await indexed(engine, { retry: true });
      expect(report.failed.map((entry) => entry.path)).toEqual([broken]);
      expect((await photoNamed(engine, 'sample-03.jpg')).state).toBe('ready');
      expect((await engine.photos({ rating: 3, offset: 0, limit: 5 })).total).toBe(1);
    });
  });
});
