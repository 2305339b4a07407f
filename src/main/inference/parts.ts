/** What the families share: how a part of a model is opened, and reading rows out of a batch. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError, reasonOf } from '../../shared/errors.ts';
import type { Manifest } from './model.ts';
import { openSession, type Session, type SessionOptions, type Tensor } from './session.ts';
import { readFloats } from './tensors.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

/** A model's file as a fact of its manifest: strings that end so, and only they, name files that are opened. */
export const onnxFile = z.string().endsWith('.onnx');
export const jsonFile = z.string().endsWith('.json');
/** A chat template by itself, or as `chat_template` in one of the tokenizer's files. */
export const templateFile = z.string().regex(/\.(?:jinja|json)$/);

/** Where a text side's tokenizer is. */
export const tokenizerFiles = { tokenizer: jsonFile, tokenizerConfig: jsonFile };

/** A verified model folder and the provider to run it on. */
export interface Opening {
  dir: string;
  manifest: Manifest;
  options: Pick<SessionOptions, 'provider' | 'threads'>;
  /** The sessions that are open, by file: members that read the same file share one. */
  open: Map<string, { session: Session; users: number }>;
}

/**
 * Opens one of the model's ONNX files, once however many use it: whoever closes it last ends it. Members are opened one
 * after the other, and none that keeps outputs on the device shares its file. Throws AppError('model').
 */
export async function openPart(
  { dir, options, open }: Opening,
  file: string,
  keepOnDevice?: SessionOptions['keepOnDevice'],
): Promise<Session> {
  const settings = { ...options, ...(keepOnDevice && { keepOnDevice }) };
  const shared = open.get(file) ?? { session: await openSession(join(dir, file), settings), users: 0 };
  open.set(file, shared);
  shared.users += 1;
  const close = async (): Promise<void> => {
    shared.users -= 1;
    if (shared.users > 0) return;
    open.delete(file);
    await shared.session.close();
  };
  return { ...shared.session, close };
}

/** Opens several of the model's ONNX files. Throws AppError('model'), with nothing left open. */
export async function openParts<Files extends Readonly<Record<string, string>>>(
  opening: Opening,
  files: Files,
  keepOnDevice?: SessionOptions['keepOnDevice'],
): Promise<{ [Name in keyof Files]: Session }> {
  const open: Record<string, Session> = {};
  try {
    for (const [name, file] of Object.entries(files)) {
      open[name] = await openPart(opening, file, keepOnDevice);
    }
  } catch (error) {
    await closeParts(open);
    throw error;
  }
  return open as { [Name in keyof Files]: Session };
}

export async function closeParts(sessions: Readonly<Record<string, Session>>): Promise<void> {
  await Promise.all(Object.values(sessions).map((session) => session.close()));
}

/** Opens the model's tokenizer from its two files. Throws AppError('model'). */
export async function openTokenizer(
  dir: string,
  files: { tokenizer: string; tokenizerConfig: string },
): Promise<Tokenizer> {
  return loadTokenizer(
    await readJson(join(dir, files.tokenizer)),
    await readJson(join(dir, files.tokenizerConfig)),
  );
}

/** Parses a JSON file of the model. Throws AppError('model') naming it. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new AppError('model', `Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * An output [rows, ...] of a batch as one array a row, each of `width` numbers. Disposes the tensor.
 * Throws AppError('model') when its shape is not what the manifest says.
 */
export function readRows(
  tensor: Tensor | undefined,
  name: string,
  shape: { rows: number; width: number },
): Float32Array[] {
  const { rows, width } = shape;
  const found = tensor ? `[${tensor.dims.join(', ')}]` : 'nothing';
  const size = tensor?.dims.reduce((a, b) => a * b, 1);
  if (!tensor || tensor.dims[0] !== rows || size !== rows * width) {
    tensor?.dispose();
    const expected = `${rows} rows of ${width} numbers`;
    throw new AppError(
      'model',
      `Output "${name}" is ${found} where model.json says ${expected}. Get the model again.`,
    );
  }
  const values = readFloats(tensor);
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
}
