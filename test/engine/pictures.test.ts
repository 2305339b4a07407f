/** Photos looked at closely, while their files come, go and change. */
import { cp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import {
  fixture,
  indexed,
  photoNamed,
  place,
  samples,
  scratch,
  withEngine,
  withoutModel,
} from './helpers.ts';

const folder = scratch();
const photos = path.join(folder, 'photos');
const file = path.join(photos, 'beach.jpg');

it('shows what the file holds now, its copy where it is gone, and says so where none is left', async () => {
  await place(photos, { 'beach.jpg': fixture('gps.jpg'), 'copy/again.jpg': fixture('gps.jpg') });
  await withEngine({ library: path.join(folder, 'library'), ...withoutModel }, async (engine) => {
    await indexed(engine, { folders: [photos] });
    const { id } = await photoNamed(engine, 'beach.jpg');
    const [one, two] = await Promise.all([engine.picture(id), engine.picture(id)]);
    expect(two).toBe(one); // one decoding for both
    expect(await engine.picture(id)).toBe(one); // and none for the third

    const large = sharp(path.join(samples, 'sample-02.png')).resize({ width: 5000 }).jpeg({ quality: 60 });
    await large.toFile(`${file}.new`);
    await rename(`${file}.new`, file);
    const { width, height } = await sharp(await engine.picture(id)).metadata();
    expect(Math.max(width, height)).toBe(4096);

    await writeFile(file, '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(engine.picture(id)).rejects.toMatchObject({ code: 'unreadable' });

    await rm(file);
    expect(await engine.picture(id)).toEqual(one);

    await rm(path.join(photos, 'copy/again.jpg'));
    await expect(engine.picture(id)).rejects.toMatchObject({
      code: 'not-found',
      message: `${file} is not there now. Connect its disk, or put the file back.`,
    });
    await cp(fixture('gps.jpg'), file);
    expect(await engine.picture(id)).toEqual(one);
  });
});
