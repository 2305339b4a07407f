/** Many small, different photos, cut from the samples. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { sampleFiles, samples } from './helpers.ts';

const side = 240;

/** Writes `count` JPEG crops named `photo-000.jpg` (or from number `first`) and on; gives their names. */
export async function makePhotos(folder: string, count: number, first = 0): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const sources = await Promise.all(
    (await sampleFiles()).map((name) =>
      sharp(path.join(samples, name))
        .autoOrient()
        .resize(480, 480, { fit: 'cover' })
        .toColourspace('srgb')
        .png()
        .toBuffer(),
    ),
  );
  const names = Array.from({ length: count }, (_, i) => `photo-${String(first + i).padStart(3, '0')}.jpg`);
  for (const [at, name] of names.entries()) {
    const i = first + at;
    const round = Math.floor(i / sources.length);
    const crop = { left: (round * 11) % side, top: (round * 7) % side, width: side, height: side };
    const jpeg = await sharp(sources[i % sources.length])
      .extract(crop)
      .jpeg({ quality: 80 })
      .toBuffer();
    await writeFile(path.join(folder, name), jpeg);
  }
  return names;
}
