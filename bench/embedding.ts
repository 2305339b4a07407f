/**
 * Image embeddings a second of a CLIP model, beside `transformers` (PyTorch) on the same photos and as many threads.
 * `IRIS_MODELS` is the exported folder, `IRIS_CHECKPOINT` what it was exported from, `IRIS_PYTHON` a Python with what
 * models/export/requirements.txt pins.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { decode, pixelsFor } from '../src/main/compute/decode.ts';
import type { Model, Pixels } from '../src/main/inference/model.ts';
import { loadModel } from '../src/main/inference/registry.ts';
import { forEachBounded } from '../src/main/lib/channel.ts';
import { places } from '../src/main/lib/places.ts';
import { photosToMeasure } from './photos.ts';

const batch = 16;
const rounds = 3;

/** Seconds from files to pixels, and from pixels to embeddings. */
interface Times {
  reading: number;
  seeing: number;
}

export async function benchEmbed(): Promise<void> {
  const [dir, checkpoint] = [process.env['IRIS_MODELS'], process.env['IRIS_CHECKPOINT']];
  if (dir === undefined || checkpoint === undefined)
    throw new Error('Expected a model folder in IRIS_MODELS and its checkpoint in IRIS_CHECKPOINT.');
  const { folder, origin } = await photosToMeasure(96);
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const threads = os.availableParallelism();
  const model = await loadModel(dir, ['vision'], { provider: 'cpu', threads });
  await embed(files.slice(0, batch), model);
  // In turn, so that other work on the machine falls on both; the fastest round of each counts.
  const ours: Times[] = [];
  const theirs: Times[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await embed(files, model));
    theirs.push(rival(checkpoint, folder, threads));
  }
  await model.close();
  const [iris, other] = [fastest(ours), fastest(theirs)];
  const rates = (times: Times): Record<string, string> => ({
    'files to pixels, a second': (files.length / times.reading).toFixed(1),
    'pixels to embeddings, a second': (files.length / times.seeing).toFixed(1),
    'one after the other': (files.length / (times.reading + times.seeing)).toFixed(1),
  });
  console.log(
    `\n${files.length} photos: ${origin}; ${threads} threads; load ${os.loadavg()[0]?.toFixed(1) ?? ''}`,
  );
  console.table({ Iris: rates(iris), transformers: rates(other) });
  console.log(`model alone: ${(other.seeing / iris.seeing).toFixed(2)} times the rate of transformers`);
  rmSync(folder, { recursive: true });
}

function fastest(all: Times[]): Times {
  return {
    reading: Math.min(...all.map((times) => times.reading)),
    seeing: Math.min(...all.map((times) => times.seeing)),
  };
}

async function embed(files: string[], model: Model): Promise<Times> {
  const start = performance.now();
  const pixels: Pixels[] = [];
  await forEachBounded(files, batch, async (file) => {
    const { picture } = await decode(await readFile(file), path.basename(file));
    pixels.push(await pixelsFor(picture, model.manifest.preprocess));
  });
  const read = performance.now();
  for (let i = 0; i < pixels.length; i += batch) await model.see?.(pixels.slice(i, i + batch));
  return { reading: (read - start) / 1000, seeing: (performance.now() - read) / 1000 };
}

function rival(checkpoint: string, folder: string, threads: number): Times {
  const script = path.join(places.root, 'bench/embed_with_transformers.py');
  const args = [script, checkpoint, folder, String(threads), String(batch)];
  const { stdout, stderr, status } = spawnSync(process.env['IRIS_PYTHON'] ?? 'python3', args, {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${script} failed: ${stderr.slice(-600)}`);
  return JSON.parse(stdout) as Times;
}
