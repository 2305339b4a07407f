/** Files that are not what they seem: each is told with its reason, and none stops the others. */
import { execFileSync } from 'node:child_process';
import { unlinkSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileReason } from '../../src/shared/contract.ts';
import { createEngine } from '../../src/main/engine.ts';
import {
  allPhotos,
  finished,
  fixture,
  indexed,
  place,
  scratch,
  withEngine,
  withoutModel,
} from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const good = [
  'alpha.png',
  'animated.gif',
  'cmyk.jpg',
  'gray16.png',
  'hostile.jpg',
  'photo.webp',
  'photo.avif',
  'photo.tiff',
];
const bad = ['bomb.png', 'empty.jpg', 'photo.bmp', 'text.jpg', 'truncated.jpg'];

describe('a folder of odd files', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  const byName = (entries: FileReason[]): Record<string, string> =>
    Object.fromEntries(entries.map((entry) => [path.basename(entry.path), entry.reason]));

  it('indexes what is a photo and says of each other file what is wrong with it', async () => {
    await place(photos, Object.fromEntries([...good, ...bad].map((name) => [name, fixture(name)])));
    await place(photos, { 'jpeg-inside.png': fixture('gps.jpg'), 'no-extension': fixture('no-offset.jpg') });
    execFileSync('mkfifo', [path.join(photos, 'pipe.jpg')]); // reading it would wait for ever
    await symlink('alpha.png', path.join(photos, 'link.png'));
    await symlink('nowhere.png', path.join(photos, 'broken-link.png'));

    const report = await withEngine({ library, ...withoutModel }, async (engine) => {
      const first = await indexed(engine, { folders: [photos] });
      const names = (await allPhotos(engine)).map((photo) => photo.name);
      expect(names.sort()).toEqual([...good, 'jpeg-inside.png', 'no-extension'].sort());
      return first;
    });
    expect(report).toMatchObject({ photos: good.length + 2, indexed: good.length + 2 });
    const failed = byName(report.failed);
    expect(Object.keys(failed).sort()).toEqual(['bomb.png', 'empty.jpg', 'photo.bmp', 'truncated.jpg']);
    expect(failed['bomb.png']).toMatch(/pixel/);
    expect(failed['empty.jpg']).toMatch(/empty/);
    expect(failed['photo.bmp']).toMatch(/BMP/);
    expect(failed['truncated.jpg']).toMatch(/jpeg/);
    const skipped = byName(report.skipped);
    expect(Object.keys(skipped).sort()).toEqual(['broken-link.png', 'link.png', 'pipe.jpg', 'text.jpg']);
    expect(skipped['text.jpg']).toMatch(/content/);
    for (const entry of [...report.failed, ...report.skipped]) {
      expect(path.isAbsolute(entry.path)).toBe(true);
      expect(entry.reason).not.toContain('\n');
    }
  });

  it('keeps a photo that became unreadable, says why, and takes it again once repaired', async () => {
    const engine = await createEngine({ library, access: 'write', ...withoutModel });
    try {
      const photo = (await allPhotos(engine)).find((entry) => entry.name === 'hostile.jpg');
      const id = photo?.id ?? 0;
      await engine.writeCaption({ id, text: 'still mine' });
      await place(photos, { 'hostile.jpg': fixture('truncated.jpg') });
      const broken = await indexed(engine, {});
      expect(byName(broken.failed)['hostile.jpg']).toMatch(/jpeg/);
      expect(await engine.photo({ id })).toMatchObject({ state: 'failed', caption: 'still mine' });
      expect((await engine.photo({ id })).reason).toMatch(/jpeg/);
      await place(photos, { 'hostile.jpg': fixture('hostile.jpg') });
      await indexed(engine, {});
      expect(await engine.photo({ id })).toMatchObject({
        state: 'ready',
        caption: 'still mine',
        reason: null,
      });
    } finally {
      await engine.close();
    }
  });

  it('says of a file that went away between the scan and its reading that it is gone', async () => {
    const many = path.join(folder, 'many');
    const names = await makePhotos(many, 100);
    const last = path.join(many, names.at(-1) ?? '');
    const engine = await createEngine({ library, access: 'write', ...withoutModel });
    try {
      const events = engine.events({});
      const job = await engine.index({ folders: [many] });
      for await (const event of events)
        if (event.type === 'job' && event.job.phase === 'index') {
          unlinkSync(last);
          break;
        }
      const { report } = await finished(engine, job.id);
      expect(report).toMatchObject({
        photos: 99,
        indexed: 99,
        failed: [{ path: last, reason: 'The file is gone.' }],
      });
      expect(await indexed(engine, { folders: [many] })).toMatchObject({
        photos: 99,
        indexed: 0,
        failed: [],
      });
    } finally {
      await engine.close();
    }
  });
});
