/** The settings of a folder in the form of transformers, each asked for by its name and missed by it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, reasonOf } from '../../../shared/errors.ts';

type Values = Readonly<Record<string, unknown>>;

/** One of the folder's JSON files, or a part of it. */
export class Settings {
  readonly file: string;
  readonly #values: Values;
  readonly #prefix: string;

  constructor(file: string, values: Values, prefix = '') {
    this.file = file;
    this.#values = values;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  value(name: string): unknown {
    return this.#values[name] ?? undefined;
  }

  /** A part by its name; empty where there is none, since transformers leaves out what is as by default. */
  part(name: string): Settings {
    const value = this.#values[name];
    return new Settings(this.file, isValues(value) ? value : {}, `${this.#prefix}${name}.`);
  }

  number(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === 'number' ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#values[name];
    return typeof value === 'boolean' ? value : otherwise;
  }

  /** Three numbers, one for each colour. */
  colours(name: string): [number, number, number] {
    const value = this.#values[name];
    const [red, green, blue] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof red === 'number' && typeof green === 'number' && typeof blue === 'number')
      return [red, green, blue];
    throw this.wrong(name, 'three numbers');
  }

  /** Throws AppError('model') where it is no number. */
  needNumber(name: string): number {
    const value = this.number(name);
    if (value === undefined) throw this.wrong(name, 'a number');
    return value;
  }

  /** What to throw for a setting that is not as it must be. */
  wrong(name: string, expected: string): AppError {
    const found = this.has(name) ? JSON.stringify(this.#values[name]) : 'nothing';
    const what = `expected ${expected}, found ${found.slice(0, 80)}`;
    return new AppError(
      'model',
      `${this.file}: ${this.#prefix}${name}: ${what}. Get the file again, or another model.`,
    );
  }
}

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON file of the folder; undefined where there is none. Throws AppError('model') for one that cannot be read. */
export async function readSettings(folder: string, name: string): Promise<Settings | undefined> {
  const file = join(folder, name);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  });
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isValues(parsed)) throw new Error('it is no object');
    return new Settings(file, parsed);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The first of several files. Throws AppError('model') where none is there. */
export async function needSettings(folder: string, ...names: readonly string[]): Promise<Settings> {
  for (const name of names) {
    const found = await readSettings(folder, name);
    if (found) return found;
  }
  throw new AppError(
    'model',
    `There is no ${names.join(' and no ')} in ${folder}. A model in the form of onnx-community has it; get the folder again.`,
  );
}

function unreadable(file: string, error: unknown): AppError {
  return new AppError('model', `Cannot read ${file}: ${reasonOf(error)}. Get the file again.`, {
    cause: error,
  });
}
