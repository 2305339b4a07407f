/** A decoder that never comes back is stopped after its time, and its file is left alone from then on. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexed, place, samples, scratch, withEngine, withoutModel } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const computeEntry = path.resolve(import.meta.dirname, '../faults/stub-lane.ts');

describe('a file that hangs the decoder', () => {
  const folder = scratch();

  it('is quarantined with its name, and all others are indexed', async () => {
    const photos = path.join(folder, 'photos');
    await makePhotos(photos, 40);
    await place(photos, { 'photo-010-hang.jpg': path.join(samples, 'sample-04.jpg') });
    const report = await withEngine(
      { library: path.join(folder, 'library'), computeEntry, ...withoutModel },
      (engine) => indexed(engine, { folders: [photos] }),
    );
    expect(report).toMatchObject({ photos: 40, indexed: 40 });
    expect(report.failed).toMatchObject([{ path: path.join(photos, 'photo-010-hang.jpg') }]);
    console.info(`one hanging file among 41: ${report.seconds} s`);
  });
});
