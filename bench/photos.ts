/** Photos to measure on: real ones where a data folder is given, else crops of the samples. */
import { cpSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import sharp from 'sharp';
import { places } from '../src/main/lib/places.ts';

const cropsOfEach = 24;

/**
 * A fresh folder with photos, and where they came from. `IRIS_DATA`, or `../shared/data` beside the
 * checkout, gives Flickr8k and ImageNet photos; the samples are cut into crops of camera-like sizes.
 */
export async function photosToMeasure(limit = 700): Promise<{ folder: string; origin: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'iris-bench-'));
  const data = process.env['IRIS_DATA'] ?? path.join(places.root, '../shared/data');
  if (existsSync(path.join(data, 'imagenet-samples'))) {
    copySome(path.join(data, 'imagenet-samples'), folder, limit);
    copySome(path.join(data, 'flickr8k/images'), folder, limit - 200);
    return { folder, origin: 'ImageNet samples (original size) and Flickr8k (224 x 224)' };
  }
  await cropSamples(folder, limit);
  return { folder, origin: 'crops of the samples' };
}

function copySome(from: string, to: string, limit: number): void {
  for (const name of readdirSync(from).sort().slice(0, limit))
    cpSync(path.join(from, name), path.join(to, name));
}

async function cropSamples(folder: string, limit: number): Promise<void> {
  const names = readdirSync(places.samples).filter((name) => /\.(?:jpg|png)$/.test(name));
  let made = 0;
  for (let i = 0; i < cropsOfEach; i++)
    for (const name of names) {
      if (made++ >= limit) return;
      const image = sharp(path.join(places.samples, name))
        .autoOrient()
        .resize(500 + 8 * i, 375 + 6 * i, { fit: 'cover' });
      await image.jpeg({ quality: 90 }).toFile(path.join(folder, `${i}-${path.parse(name).name}.jpg`));
    }
}
