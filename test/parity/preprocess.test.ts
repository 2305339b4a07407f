/** What the model sees, against Pillow's bicubic on the sample photos (remade by make_preprocess_golden.py). */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode, pixelsFor } from '../../src/main/compute/decode.ts';
import type { Model, Preprocess } from '../../src/main/inference/model.ts';
import { loadModel } from '../../src/main/inference/registry.ts';
import { places } from '../../src/main/lib/places.ts';
import { dot } from '../../src/main/lib/vectors.ts';

const goldens = path.join(import.meta.dirname, 'preprocess');
const starter = path.join(places.root, 'models/iris-starter');
const { preprocess } = JSON.parse(readFileSync(path.join(starter, 'model.json'), 'utf8')) as { preprocess: Preprocess };
/** A longest side that no sample reaches, so that nothing is shrunk. */
const whole = 16_000;
/** Its profile is Adobe RGB: Iris converts it to sRGB, which Pillow's plain reading does not. */
const withProfile = 'sample-05';

const photos = (await readdir(places.samples)).filter((file) => /^sample-\d+\.(?:jpg|png)$/.test(file));

async function reference(name: string, fit: 'fill' | 'cover'): Promise<Buffer> {
  const file = path.join(goldens, fit === 'fill' ? `${name}.png` : `${name}.cover.png`);
  return await sharp(file).removeAlpha().raw().toBuffer();
}

async function ours(file: string, full: boolean, fit: 'fill' | 'cover' = 'fill'): Promise<Uint8Array> {
  const { picture } = await decode(await readFile(path.join(places.samples, file)), file, full ? whole : undefined);
  return await pixelsFor(picture, { ...preprocess, fit });
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

describe('pixels of the sample photos', () => {
  it.each(photos)('%s differs from Pillow by under 2 of 255 with a full decode', async (file) => {
    const name = path.parse(file).name;
    const difference = meanDifference(await ours(file, true), await reference(name, 'fill'));
    if (name === withProfile) expect(difference).toBeGreaterThan(2);
    else expect(difference).toBeLessThan(2);
  });

  it.each(['sample-03', 'sample-07', 'sample-14'])('%s is cropped as torchvision would', async (name) => {
    const difference = meanDifference(await ours(`${name}.jpg`, true, 'cover'), await reference(name, 'cover'));
    expect(difference).toBeLessThan(2);
  });

  it('another kernel or fit would be noticed', async () => {
    const squashed = await reference('sample-07', 'fill');
    expect(meanDifference(await ours('sample-07.jpg', true, 'cover'), squashed)).toBeGreaterThan(10);
  });
});

describe('embeddings of the sample photos', () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(starter, ['vision'], { provider: 'cpu', threads: 2 });
  });
  afterAll(() => model.close());

  it.each(photos.filter((file) => !file.startsWith(withProfile)))('%s embeds alike when shrunk on load', async (file) => {
    const pixels = [await ours(file, false), await reference(path.parse(file).name, 'fill')];
    const [shrunk, full] = (await model.see?.(pixels)) ?? [];
    expect(dot(shrunk?.embedding ?? new Float32Array(), full?.embedding ?? new Float32Array(1))).toBeGreaterThan(0.99);
  });

  it('a 12-megapixel photo embeds alike whether it is shrunk while loading or after', async () => {
    const large = await sharp(path.join(places.samples, 'sample-07.jpg')).resize({ width: 4000 }).jpeg().toBuffer();
    const pixels = await Promise.all(
      [false, true].map(async (full) => pixelsFor((await decode(large, 'large.jpg', full ? whole : undefined)).picture, preprocess)),
    );
    const [shrunk, full] = (await model.see?.(pixels)) ?? [];
    expect(dot(shrunk?.embedding ?? new Float32Array(), full?.embedding ?? new Float32Array(1))).toBeGreaterThan(0.99);
  });
});
