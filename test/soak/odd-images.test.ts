/** Over a thousand strange and damaged files: none stops the run, each is accounted for, none is changed. */
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPhotos, indexed, scratch, sharedData, withEngine } from '../engine/helpers.ts';

const odd = sharedData('odd-images', 'decoding a thousand hostile files is not tested.');

async function contents(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of await readdir(folder, { recursive: true })) {
    const file = path.join(folder, name);
    if ((await stat(file)).isFile())
      files.set(
        file,
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      );
  }
  return files;
}

describe.runIf(odd !== undefined)('odd images', () => {
  const folder = scratch();

  it('are each a photo, skipped or failed, with a reason in one line', async () => {
    const photos = path.join(folder, 'photos');
    await cp(odd ?? '', photos, { recursive: true });
    const before = await contents(photos);
    await withEngine({ library: path.join(folder, 'library') }, async (engine) => {
      const report = await indexed(engine, { folders: [photos], captions: false });
      const told = [...report.skipped, ...report.failed];
      console.info(
        `${before.size} odd files: ${report.photos} photos, ${report.skipped.length} skipped, ${report.failed.length} failed, ${report.seconds} s`,
      );
      expect(report.photos + told.length).toBe(before.size);
      expect(report.photos).toBeGreaterThan(400);
      expect(new Set(told.map((entry) => entry.path)).size).toBe(told.length);
      for (const { reason } of told) expect(reason).toMatch(/^.{5,300}$/);
      for (const { id } of await allPhotos(engine)) expect(await engine.thumbnail(id)).toBeDefined();
    });
    expect(await contents(photos)).toEqual(before);
  });
});
