/** What tests of the whole engine share: temporary folders, samples, waiting for a job, a look into the store. */
import { existsSync, mkdtempSync, realpathSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';
import type { Api, Args, Engine, IndexReport, Job, PhotoSummary } from '../../src/shared/contract.ts';
import { createEngine, type EngineOptions } from '../../src/main/engine.ts';
import { openLibrary, type ReadDb } from '../../src/main/store/database.ts';

// Trying a GPU takes seconds for every library: tests that mean it say so.
process.env['IRIS_PROVIDER'] ??= 'cpu';

export const checkout = path.resolve(import.meta.dirname, '../..');
export const samples = path.join(checkout, 'samples');

export function fixture(name: string): string {
  return path.join(checkout, 'test/fixtures', name);
}

/** A folder of its own for one test file or one `describe`, gone afterwards. */
export function scratch(): string {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'iris-test-')));
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Copies files to new names below `folder`, with fresh times. */
export async function place(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, from] of Object.entries(files)) {
    const target = path.join(folder, name);
    await mkdir(path.dirname(target), { recursive: true });
    await cp(from, target);
  }
}

export async function sampleFiles(): Promise<string[]> {
  const names = await readdir(samples);
  return names.filter((name) => /\.(?:jpg|png)$/.test(name)).sort();
}

export async function placeSamples(folder: string, names?: readonly string[]): Promise<void> {
  const chosen = names ?? (await sampleFiles());
  await place(folder, Object.fromEntries(chosen.map((name) => [name, path.join(samples, name)])));
}

/** The tiny model of a parity row as one of the models in `modelsDir`, by the row's name. */
export async function placeRow(row: string, modelsDir: string): Promise<void> {
  const dir = path.join(modelsDir, row);
  await cp(path.join(checkout, 'test/parity/rows', row, 'model'), dir, { recursive: true });
  const file = path.join(dir, 'model.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...manifest, id: row }));
}

/** A folder without models: files are read, decoded and found by words, which is fast. */
export const withoutModel = { modelsDir: fixture('no-models') } as const;

export async function withEngine<T>(
  options: Partial<EngineOptions> & { library: string },
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await createEngine({ access: 'write', holder: 'a test', ...options });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** Waits for the job's end, whatever the end is. */
export async function finished(api: Api, id: number): Promise<Job> {
  for (;;) {
    const job = (await api.jobs({})).find((entry) => entry.id === id);
    if (job?.phase === 'finished') return job;
    await delay(30);
  }
}

/** Indexes to the end and gives the report; anything but a whole run is an error. */
export async function indexed(api: Api, args: Args<'index'> = {}): Promise<IndexReport> {
  const job = await finished(api, (await api.index(args)).id);
  if (job.state !== 'done' || !job.report)
    throw new Error(`The job ended as ${job.state}: ${job.error ?? 'no error'}`);
  return job.report;
}

export async function allPhotos(api: Api): Promise<PhotoSummary[]> {
  return (await api.photos({ offset: 0, limit: 1000 })).photos;
}

export async function photoNamed(api: Api, name: string): Promise<PhotoSummary> {
  const photos = await allPhotos(api);
  const photo = photos.find((entry) => entry.name === name);
  if (!photo) throw new Error(`No photo "${name}" among ${photos.map((entry) => entry.name).join(', ')}`);
  return photo;
}

/** A second, read-only look into the library's files. */
export function look<T>(library: string, read: (db: ReadDb) => T): T {
  const db = openLibrary(library, 'read');
  try {
    return read(db);
  } finally {
    db.close();
  }
}

/** Sequence numbers of the stored embeddings: equal lists mean that nothing was embedded again. */
export function embeddings(library: string): { seq: number; photoId: number }[] {
  return look(library, (db) =>
    db.all('SELECT seq, photo_id AS photoId FROM cache.embedding ORDER BY photo_id'),
  );
}

/** The shared data folder, or undefined after saying loudly what the absence costs. */
export function sharedData(part: string, cost: string): string | undefined {
  const base = process.env['IRIS_DATA'] ?? path.resolve(checkout, '../shared/data');
  const folder = path.join(base, part);
  if (existsSync(folder)) return folder;
  console.warn(`SKIPPED, ${folder} is missing: ${cost}`);
  return undefined;
}
