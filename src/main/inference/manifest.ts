/** A model's folder: its manifest, and the proof that its files are the ones the manifest means. */
import { createHash } from 'node:crypto';
import { createReadStream, type BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { candidateFacts } from './candidates.ts';
import { manifestSchema, type Manifest, type Part } from './model.ts';
import { readJson } from './parts.ts';

type FileEntry = Manifest['files'][number];

/** Reads `dir/model.json`. Throws AppError('model') naming the file and each field that is wrong. */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, 'model.json');
  const parsed = manifestSchema.safeParse(await readJson(path));
  if (!parsed.success)
    throw new AppError('model', `${path}: ${parsed.error.issues.map(describe).join('; ')}`);
  checkPaths(path, parsed.data);
  return parsed.data;
}

function describe(issue: z.core.$ZodIssue): string {
  return `${issue.path.join('.') || 'the whole file'}: ${issue.message}`;
}

/** Every file that a part names is listed with its hash, and every path stays inside the folder. */
function checkPaths(path: string, manifest: Manifest): void {
  const listed = new Set(manifest.files.map((file) => file.path));
  for (const file of [...listed, manifest.licenseFile]) {
    const outside = isAbsolute(file) || file.split(/[/\\]/).includes('..') || file.includes('\0');
    if (outside) throw new AppError('model', `${path}: files: "${file}" is outside the model's folder.`);
  }
  for (const part of ['vision', 'text', 'generate'] as const) {
    for (const file of filesOf(manifest, part)) {
      if (!listed.has(file)) throw new AppError('model', `${path}: files: "${file}" is used but not listed.`);
    }
  }
}

/** The files that one part of the model opens: what its facts name, see parts.ts. */
function filesOf({ embed, generate, match, answer }: Manifest, part: Part): string[] {
  const readers: Facts[] = [generate, match, answer].filter((facts) => facts !== undefined);
  const embedding: Facts[] = embed ? [embed] : [];
  if (part === 'text') return embedding.flatMap(languageFiles);
  const chosenBy = candidateFacts({ embed, generate }) ? embedding : [];
  if (part === 'generate') return [...readers, ...chosenBy].flatMap(languageFiles);
  return [...embedding, ...readers].flatMap((facts) => facts.vision ?? []);
}

/** Any family's facts. */
interface Facts {
  family: string;
  vision?: string | undefined;
}

function languageFiles(facts: Facts): string[] {
  return Object.entries<unknown>({ ...facts }).flatMap(([name, value]) =>
    typeof value === 'string' && name !== 'vision' && /\.(?:onnx|json|jinja)$/.test(value) ? value : [],
  );
}

/** The listed files that `parts` need, with weights kept beside an ONNX file (`x.onnx_data`, `x.onnx.data`). */
export function filesNeeded(manifest: Manifest, parts: readonly Part[]): FileEntry[] {
  const opened = parts.flatMap((part) => filesOf(manifest, part));
  return manifest.files.filter((file) => opened.some((name) => file.path.startsWith(name)));
}

/**
 * `id@` and twelve hex digits of what decides a result: the weights, the tokenizers and the preprocessing.
 * Stored results are keyed by it, so that a changed model never serves the old one's.
 */
export function modelVersion(manifest: Manifest): string {
  const hashes = filesNeeded(manifest, ['vision', 'text', 'generate']).map((file) => file.sha256);
  const { preprocess } = manifest;
  const facts = Object.entries(preprocess).sort(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash('sha256')
    .update(JSON.stringify([hashes.sort(), facts]))
    .digest('hex');
  return `${manifest.id}@${digest.slice(0, 12)}`;
}

/** SHA-256 by path and the state of the file it was computed for, so that a process reads each file once. */
const known = new Map<string, { state: string; sha256: string }>();

/**
 * Compares files with the manifest, all of them unless `files` says which.
 * Throws AppError('model') naming the first that is missing, short or changed.
 */
export async function verifyFiles(dir: string, manifest: Manifest, files = manifest.files): Promise<void> {
  for (const file of files) await verifyFile(join(dir, file.path), file);
}

/** Compares sizes only, which tells a copy that was cut off. Throws like `verifyFiles`. */
export async function checkSizes(dir: string, manifest: Manifest): Promise<void> {
  for (const file of manifest.files) await checkSize(join(dir, file.path), file);
}

async function checkSize(path: string, expected: FileEntry): Promise<BigIntStats> {
  const info = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw damaged(path, `is missing (${reasonOf(error)})`, error);
  });
  if (info.size !== BigInt(expected.bytes))
    throw damaged(path, `has ${String(info.size)} bytes where model.json says ${expected.bytes}`);
  return info;
}

async function verifyFile(path: string, expected: FileEntry): Promise<void> {
  const info = await checkSize(path, expected);
  const state = [info.size, info.mtimeNs, info.ctimeNs, info.ino].join();
  const cached = known.get(path);
  const sha256 = cached?.state === state ? cached.sha256 : await hashFile(path);
  known.set(path, { state, sha256 });
  if (sha256 !== expected.sha256)
    throw damaged(path, `has SHA-256 ${sha256} where model.json says ${expected.sha256}`);
}

function damaged(path: string, what: string, cause?: unknown): AppError {
  return new AppError('model', `Model file ${path} ${what}. Get the model again.`, { cause });
}

/** SHA-256 of a file in hex, read in chunks. Throws AppError('model') when it cannot be read. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    throw damaged(path, `cannot be read (${reasonOf(error)})`, error);
  }
  return hash.digest('hex');
}
