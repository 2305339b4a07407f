/** The ONNX files of a folder in the form of onnx-community: which parts there are, and in which precision to take each. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../shared/errors.ts';

/** How transformers.js ends a file's name for each precision. */
const suffixes = {
  fp32: '',
  fp16: '_fp16',
  q4: '_q4',
  q4f16: '_q4f16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  bnb4: '_bnb4',
} as const;

export type Dtype = keyof typeof suffixes;

/**
 * In the order of preference: the runtime computes all of them on the CPU, and weights alone in four bits lose less
 * than eight bits throughout, which vision towers of CLIP do not stand.
 */
const dtypes = Object.keys(suffixes) as Dtype[];

/** All parts of a model by default: what fits beside everything else into 4 GB of memory. */
const comfortableBytes = 1.5e9;

/** A file, and its weights where they are in files beside it. */
export interface PartFile {
  /** Within the folder, with `/`. */
  path: string;
  dtype: Dtype;
  files: { path: string; bytes: number }[];
}

/** The folder's ONNX files by part. */
export interface Parts {
  folder: string;
  byName: ReadonlyMap<string, ReadonlyMap<Dtype, PartFile>>;
}

/** Lists the ONNX files, in `onnx` or beside the settings. Throws AppError('model') where there are none. */
export async function listParts(folder: string): Promise<Parts> {
  for (const place of ['onnx/', '']) {
    const names = await readdir(join(folder, place)).catch((): string[] => []);
    const models = names.filter((name) => name.endsWith('.onnx'));
    if (models.length === 0) continue;
    const byName = new Map<string, Map<Dtype, PartFile>>();
    for (const model of models) {
      const [part, dtype] = partOf(model.slice(0, -'.onnx'.length));
      const own = names.filter((name) => name === model || isBeside(model, name)).sort();
      const files = await Promise.all(own.map((name) => entryOf(folder, place + name)));
      const known = byName.get(part) ?? new Map<Dtype, PartFile>();
      byName.set(part, known.set(dtype, { path: place + model, dtype, files }));
    }
    return { folder, byName };
  }
  throw new AppError(
    'model',
    `There is no ONNX file in ${join(folder, 'onnx')}. Expected a model's files such as vision_model.onnx; get the folder again.`,
  );
}

/** Weights beside `x.onnx`: `x.onnx_data`, `x.onnx_data_1` and `x.onnx.data`. */
function isBeside(model: string, name: string): boolean {
  return name.startsWith(model) && /^[._]data(?:_\d+)?$/.test(name.slice(model.length));
}

async function entryOf(folder: string, path: string): Promise<{ path: string; bytes: number }> {
  return { path, bytes: (await stat(join(folder, path))).size };
}

function partOf(name: string): [part: string, dtype: Dtype] {
  const dtype = dtypes.find((each) => suffixes[each] !== '' && name.endsWith(suffixes[each])) ?? 'fp32';
  return [name.slice(0, name.length - suffixes[dtype].length), dtype];
}

/**
 * A file for each part. `asked` is a precision for all, or one for some, as in `q4` or
 * `vision_encoder=fp16,decoder_model_merged=q4`; without it the first in which all parts together are of a
 * comfortable size. Throws AppError('bad-request') for what is not there.
 */
export function pickParts(
  parts: Parts,
  names: readonly string[],
  asked: string | undefined,
): Map<string, PartFile> {
  const wanted = readDtypes(asked);
  const usual = wanted.get('') ?? comfortable(parts, names);
  return new Map(
    names.map((name) => {
      const dtype = wanted.get(name) ?? wanted.get('');
      return [name, dtype === undefined ? nearest(parts, name, usual) : exactly(parts, name, dtype)];
    }),
  );
}

function readDtypes(asked: string | undefined): Map<string, Dtype> {
  const written = asked === undefined ? [] : asked.split(',').map((one) => one.trim());
  return new Map(
    written.map((one): [string, Dtype] => {
      const [part, name] = one.includes('=') ? (one.split('=', 2) as [string, string]) : ['', one];
      const dtype = dtypes.find((each) => each === name);
      if (dtype) return [part, dtype];
      throw new AppError('bad-request', `"${name}" is no dtype. Expected one of ${dtypes.join(', ')}.`);
    }),
  );
}

function exactly({ folder, byName }: Parts, name: string, dtype: Dtype): PartFile {
  const there = byName.get(name);
  const found = there?.get(dtype);
  if (found) return found;
  const known = [...(there?.keys() ?? [])].join(', ') || 'none';
  throw new AppError(
    'bad-request',
    `${join(folder, 'onnx', `${name}${suffixes[dtype]}.onnx`)} is not there. Of ${name} there is ${known}: choose by --dtype, such as ${name}=${[...(there?.keys() ?? ['fp32'])][0] ?? ''}.`,
  );
}

/** This precision of a part, or the first that it has. */
function nearest(parts: Parts, name: string, dtype: Dtype): PartFile {
  const there = parts.byName.get(name);
  const [first] = dtypes.flatMap((each) => there?.get(each) ?? []);
  return there?.get(dtype) ?? first ?? exactly(parts, name, dtype);
}

/** The first precision that is comfortable, or the smallest. */
function comfortable(parts: Parts, names: readonly string[]): Dtype {
  const there = dtypes.filter((dtype) => names.some((name) => parts.byName.get(name)?.has(dtype)));
  const sizes = there.map((dtype) => ({
    dtype,
    bytes: bytesOf(names.map((name) => nearest(parts, name, dtype))),
  }));
  const [smallest] = sizes.toSorted((a, b) => a.bytes - b.bytes);
  return (sizes.find(({ bytes }) => bytes <= comfortableBytes) ?? smallest)?.dtype ?? 'fp32';
}

export function bytesOf(files: readonly PartFile[]): number {
  return files.flatMap((part) => part.files).reduce((sum, { bytes }) => sum + bytes, 0);
}
