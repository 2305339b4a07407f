/** Files that take the decoder down with them: found out, named, left alone; all others are indexed. */
import { utimes } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/main/engine.ts';
import { indexed, look, place, samples, scratch, withEngine, withoutModel } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const computeEntry = path.join(import.meta.dirname, 'stub-lane.ts');
const count = 60;

describe('a file that kills the decoder', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  const killers = ['photo-020-killer.jpg', 'photo-050-killer.jpg'].map((name) => path.join(photos, name));

  it('is quarantined after two deaths with its name shown, and costs no other photo', async () => {
    await makePhotos(photos, count);
    for (const killer of killers)
      await place(photos, { [path.basename(killer)]: path.join(samples, 'sample-04.jpg') });
    const report = await withEngine({ library, computeEntry, ...withoutModel }, (engine) =>
      indexed(engine, { folders: [photos] }),
    );
    expect(report).toMatchObject({ photos: count, indexed: count });
    expect(report.failed.map((entry) => entry.path)).toEqual(killers);
    for (const { reason } of report.failed) expect(reason).toMatch(/stopped the decoder 2 times/);
    expect(look(library, (db) => db.all('SELECT * FROM cache.in_flight'))).toEqual([]);
  });

  it('is not opened again until it changes', async () => {
    const engine = await createEngine({ library, access: 'write', ...withoutModel });
    try {
      const report = await indexed(engine, {});
      expect(report).toMatchObject({ indexed: 0, unchanged: count });
      expect(report.failed.map((entry) => entry.path)).toEqual(killers);
      const [first] = killers;
      await utimes(first ?? '', new Date(), new Date());
      const again = await indexed(engine, {}); // with the real decoder, which reads it
      expect(again).toMatchObject({ indexed: 1, photos: count + 1 });
      expect(again.failed.map((entry) => entry.path)).toEqual(killers.slice(1));
    } finally {
      await engine.close();
    }
  });
});
