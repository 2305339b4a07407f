/**
 * What every parity row's test shares: its model and golden, its photos, comparing with a tolerance, and negative
 * controls, which must miss by over a hundred times it. `close` writes what was measured, for `npm run parity`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { decode, pixelsFor } from '../../../src/main/compute/decode.ts';
import type { Model, Part, Pixels } from '../../../src/main/inference/model.ts';
import { loadModel } from '../../../src/main/inference/registry.ts';
import { copyModel, editManifest, onCpu, root } from '../../unit/inference-helpers.ts';

/** Rows made with another seed are compared in the same way: see scripts/parity.ts. */
const rowsDir = process.env['IRIS_PARITY_ROWS'] ?? join(root, 'test/parity/rows');
const parts: Part[] = ['vision', 'text', 'generate'];

/** Of logits, embeddings and scores in float32. */
export const tolerance = 1e-4;
/** Of pixels, in levels of 0 to 255: the mean over a photo. */
export const pixelTolerance = 2;

/** Parts of a golden that most rows have. */
export const numbers = z.array(z.number());
export const matrix = z.array(numbers);
/** A photo of `test/parity/photos`, and its bytes after the reference's image processor (base64, before mean and std). */
export const photoGolden = z.object({ photo: z.string(), pixels: z.string() });

type Json = Record<string, unknown>;
type Values = ArrayLike<number> | readonly ArrayLike<number>[];

/** What was measured for a row: `npm run parity` makes the table in docs/models.md of it. */
export interface Measured {
  row: string;
  /** Largest difference of a value from the reference, and of a photo's pixels. */
  difference: number;
  pixels: number;
  /** The negative control that came closest, and by how much it missed. */
  control: { what: string; difference: number };
  compared: string[];
}

export class Row<Golden> {
  readonly name: string;
  readonly golden: Golden;
  readonly model: Model;
  /** The model's folder. */
  readonly dir: string;
  readonly #opened: Model[] = [];
  readonly #measured: Measured;

  constructor(name: string, golden: Golden, model: Model) {
    this.name = name;
    this.golden = golden;
    this.model = model;
    this.dir = join(rowsDir, name, 'model');
    this.#measured = {
      row: name,
      difference: 0,
      pixels: 0,
      control: { what: '', difference: Infinity },
      compared: [],
    };
  }

  /** The model again with another manifest, for negative controls: `edit` changes the parsed model.json. */
  async edited(edit: (manifest: Json) => void): Promise<Model> {
    const dir = await copyModel(this.dir);
    await editManifest(dir, edit);
    const model = await loadModel(dir, parts, onCpu);
    this.#opened.push(model);
    return model;
  }

  /** Compares numbers with the reference's, within `within`. */
  near(what: string, found: Values | undefined, expected: Values, within = tolerance): void {
    const difference = largestDifference(found, expected);
    this.#note(what, difference);
    expect(difference, what).toBeLessThan(within);
  }

  /** Compares token ids or texts, which must be equal. */
  same(what: string, found: unknown, expected: unknown): void {
    this.#note(what, 0);
    expect(found, what).toEqual(expected);
  }

  /** A negative control: something wrong, which must miss the reference by over 100 times the tolerance. */
  missed(what: string, found: Values | undefined, expected: Values, within = tolerance): void {
    const difference = largestDifference(found, expected);
    const { control } = this.#measured;
    if (difference < control.difference) this.#measured.control = { what, difference };
    expect(difference, what).toBeGreaterThan(100 * within);
  }

  /** Our own pixels of a photo, compared with the processor's; gives the processor's. */
  async pixels({ photo, pixels }: z.infer<typeof photoGolden>): Promise<Pixels> {
    const expected = Buffer.from(pixels, 'base64');
    const file = join(root, 'test/parity/photos', photo);
    const { picture } = await decode(await readFile(file), photo);
    const found = await pixelsFor(picture, this.model.manifest.preprocess);
    expect(found.length, photo).toBe(expected.length);
    const difference = found.reduce((sum, x, i) => sum + Math.abs(x - (expected[i] ?? 0)), 0) / found.length;
    this.#measured.pixels = Math.max(this.#measured.pixels, difference);
    expect(difference, `pixels of ${photo}`).toBeLessThan(pixelTolerance);
    return new Uint8Array(expected);
  }

  /** Closes every model and writes what was measured. */
  async close(): Promise<void> {
    await Promise.all([this.model, ...this.#opened].map((model) => model.close()));
    const dir = join(root, 'test/output/parity');
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, `${this.name}.json`), JSON.stringify(this.#measured));
  }

  #note(what: string, difference: number): void {
    this.#measured.difference = Math.max(this.#measured.difference, difference);
    if (!this.#measured.compared.includes(what)) this.#measured.compared.push(what);
  }
}

/** Opens `rows/NAME`: all parts of its model on the CPU, and its golden. Close it in `afterAll`. */
export async function openRow<Golden>(name: string, schema: z.ZodType<Golden>): Promise<Row<Golden>> {
  const golden = schema.parse(JSON.parse(await readFile(join(rowsDir, name, 'golden.json'), 'utf8')));
  return new Row(name, golden, await loadModel(join(rowsDir, name, 'model'), parts, onCpu));
}

/** Largest absolute difference; Infinity where the shapes differ or a number is NaN. */
export function largestDifference(found: Values | undefined, expected: Values): number {
  const [a, b] = [flat(found ?? []), flat(expected)];
  if (a.length !== b.length) return Infinity;
  return b.reduce((most, x, i) => {
    const difference = Math.abs(x - (a[i] ?? NaN));
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
}

function flat(values: Values): number[] {
  return Array.from<number | ArrayLike<number>>(values).flatMap((x) =>
    typeof x === 'number' ? x : Array.from(x),
  );
}
