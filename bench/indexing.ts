/** Photos a second of `iris index`, beside decoding alone and the model alone in the same run. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { decode, pixelsFor, thumbnailOf } from '../src/main/compute/decode.ts';
import type { Model, Pixels } from '../src/main/inference/model.ts';
import { loadModel } from '../src/main/inference/registry.ts';
import { forEachBounded } from '../src/main/lib/channel.ts';
import { places } from '../src/main/lib/places.ts';
import type { IndexReport } from '../src/shared/contract.ts';
import { photosToMeasure } from './photos.ts';

const batch = 16;
const decodesAtOnce = 12;

interface Measured {
  photos: number;
  seconds: number;
}

const rate = ({ photos, seconds }: Measured): number => photos / seconds;

async function timed(photos: number, work: () => Promise<void>): Promise<Measured> {
  const start = performance.now();
  await work();
  return { photos, seconds: (performance.now() - start) / 1000 };
}

export async function benchIndex(): Promise<void> {
  const { folder, origin } = await photosToMeasure();
  const model = await loadModel(path.join(places.root, 'models/iris-starter'), ['vision'], {
    provider: 'cpu',
    threads: os.availableParallelism(),
  });
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const pixels: Pixels[] = [];
  const decoding = await timed(files.length, () => decodeAll(files, model, pixels));
  const seeing = await timed(files.length, () => seeAll(model, pixels));
  await model.close();
  const { report, wall } = indexByCommand(folder);
  const indexing = { photos: report.photos, seconds: report.seconds };
  const allowed = 1 / (1 / rate(decoding) + 1 / rate(seeing));
  console.log(`\n${files.length} photos: ${origin}; ${os.availableParallelism()} cores`);
  console.table({
    'decode, thumbnail and model input alone': { 'photos a second': rate(decoding).toFixed(1) },
    'model alone, batches of 16': { 'photos a second': rate(seeing).toFixed(1) },
    'both together would allow': { 'photos a second': allowed.toFixed(1) },
    'iris index --no-captions': { 'photos a second': rate(indexing).toFixed(1) },
    'the same with starting and ending the process': { 'photos a second': (report.photos / wall).toFixed(1) },
  });
  console.log(`share of what is allowed: ${(rate(indexing) / allowed).toFixed(2)}`);
  rmSync(folder, { recursive: true });
}

async function decodeAll(files: string[], model: Model, pixels: Pixels[]): Promise<void> {
  await forEachBounded(files, decodesAtOnce, async (file) => {
    const { picture } = await decode(await readFile(file), path.basename(file));
    const [input] = await Promise.all([pixelsFor(picture, model.manifest.preprocess), thumbnailOf(picture)]);
    pixels.push(input);
  });
}

async function seeAll(model: Model, pixels: Pixels[]): Promise<void> {
  for (let i = 0; i < pixels.length; i += batch) await model.see?.(pixels.slice(i, i + batch));
}

/** Runs the real command on a new library. */
function indexByCommand(folder: string): { report: IndexReport; wall: number } {
  const library = mkdtempSync(path.join(tmpdir(), 'iris-bench-library-'));
  const start = performance.now();
  const cli = path.join(places.root, 'src/main/cli.ts');
  const { stdout, status } = spawnSync(
    process.execPath,
    [cli, '--library', library, '--json', 'index', '--no-captions', folder],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const wall = (performance.now() - start) / 1000;
  rmSync(library, { recursive: true });
  if (status !== 0)
    throw new Error(`iris index ended with exit code ${status ?? 'none'}: ${stdout.slice(0, 400)}`);
  return { report: JSON.parse(stdout) as IndexReport, wall };
}
