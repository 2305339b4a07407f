/** Things the inference tests share: a decoder with given scores, a tiny model's folder, its photos. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { Decoder, Step } from '../../src/main/inference/generate.ts';
import type { Model, Pixels } from '../../src/main/inference/model.ts';
import { loadModel } from '../../src/main/inference/registry.ts';

// Trying a GPU takes seconds for every library: tests that mean it say so.
process.env['IRIS_PROVIDER'] ??= 'cpu';

export const root = join(import.meta.dirname, '../..');
export const starterDir = join(root, 'models/iris-starter');
export const tinyDir = join(root, 'test/parity/tiny');
export const onCpu = { provider: 'cpu', threads: 1 };

/** Parses a golden file of test/parity; a missing one fails the test that needs it. */
export async function readGolden<T>(name: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await readFile(join(root, 'test/parity', name), 'utf8')));
}

/** What a toy decoder keeps: every row's tokens. `freed` shows that nothing is left behind. */
export interface ToyCache {
  rows: number[][];
  live: boolean;
}

export interface Toy extends Decoder<ToyCache> {
  /** How many rows each step had. */
  readonly steps: number[];
  /** Caches that nobody has consumed or freed. */
  leaked(): number;
}

/** A decoder whose scores are `scoresOf` the row's tokens so far, prompt included. */
export function toyDecoder(
  prompts: readonly (readonly number[])[],
  scoresOf: (tokens: number[]) => number[],
): Toy {
  const caches = new Set<ToyCache>();
  const steps: number[] = [];
  const make = (rows: number[][]): ToyCache => {
    const cache = { rows, live: true };
    caches.add(cache);
    return cache;
  };
  const consume = (cache: ToyCache): number[][] => {
    if (!cache.live) throw new Error('A consumed cache was used again.');
    cache.live = false;
    return cache.rows;
  };
  const run = (rows: number[][]): Promise<Step<ToyCache>> => {
    steps.push(rows.length);
    return Promise.resolve({
      logits: rows.map((row) => Float32Array.from(scoresOf(row))),
      cache: make(rows),
    });
  };
  return {
    steps,
    start: () => run(prompts.map((prompt) => [...prompt])),
    next: (ids, cache) => run(consume(cache).map((row, at) => [...row, ids[at] ?? -1])),
    select: (cache, rows) => {
      if (!cache.live) throw new Error('A consumed cache was copied.');
      return Promise.resolve(make(rows.map((row) => cache.rows[row] ?? [])));
    },
    free: (cache) => {
      cache.live = false;
    },
    leaked: () => [...caches].filter((cache) => cache.live).length,
  };
}

/** A model with every member, as both test models are. */
export type Whole = Required<Model>;

function isWhole(loaded: Model): loaded is Whole {
  return 'see' in loaded && 'embedText' in loaded && 'generate' in loaded && 'generateBatch' in loaded;
}

/** Loads all parts on the CPU. */
export async function loadWhole(dir: string): Promise<Whole> {
  const loaded = await loadModel(dir, ['vision', 'text', 'generate'], onCpu);
  if (!isWhole(loaded)) throw new Error('The model lacks a capability.');
  return loaded;
}

/** A copy of the tiny model that a test may damage; removed afterwards. */
export function copyTiny(): Promise<string> {
  return copyModel(tinyDir);
}

/** A copy of a model's folder; removed when the test has finished. */
export async function copyModel(source: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'iris-model-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await cp(source, dir, { recursive: true });
  return dir;
}

type Json = Record<string, unknown>;

/** Rewrites the copy's model.json. */
export async function editManifest(dir: string, edit: (manifest: Json) => void): Promise<void> {
  const path = join(dir, 'model.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Json;
  edit(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

/** The tiny model's test photos, as make_tiny_golden.py makes them. */
export function tinyPhoto(index: number): Pixels {
  const value = (i: number): number =>
    (i * (7 + index) + Math.floor(i / 96) * (31 * index + 5) + Math.floor(i / 1024) * 50) % 256;
  return Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => value(i));
}

/** Waits for a rejection and gives its error. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('Expected a failure, but it succeeded.');
    },
    (error: unknown) => error,
  );
}
