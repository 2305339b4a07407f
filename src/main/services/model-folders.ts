/** Folders of models that a person adds: copied whole and checked while they are copied, or not at all. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { checkSizes, readManifest, type Manifest } from '../inference/registry.ts';
import { syncFolder } from '../lib/atomic-write.ts';

const chunkBytes = 1 << 20;
const licenceBytes = 200_000;

/** A model that may be copied: its own folder, and the folder of the library's models. */
export interface Copy {
  source: string;
  into: string;
  manifest: Manifest;
}

export interface CopyProgress {
  phase(phase: 'copy', total: number): void;
  done(bytes: number): void;
  pass(): Promise<void>;
}

/** Looks at all that can be known before anything is copied; `taken` are the ids of models that are here. */
export async function planCopy(folder: string, into: string, taken: ReadonlySet<string>): Promise<Copy> {
  const source = await modelFolder(folder);
  const manifest = await readManifest(source);
  if (taken.has(manifest.id))
    throw new AppError('exists', `The model "${manifest.id}" is here already. Remove it first.`);
  await checkSizes(source, manifest);
  await mkdir(into, { recursive: true });
  await requireRoom(into, manifest);
  return { source, into, manifest };
}

/**
 * Copies a model. Its files are written into a hidden folder, hashed on the way and synced; the folder gets its
 * name when all is there, so that a run that dies leaves no half model.
 */
export async function copyModel(copy: Copy, progress: CopyProgress, signal: AbortSignal): Promise<void> {
  const { into, manifest } = copy;
  const part = path.join(into, `.${manifest.id}.part`);
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part);
    await copyFiles(copy, part, progress, signal);
    await rename(part, path.join(into, manifest.id));
    await syncFolder(into);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw explain(error, manifest.id);
  }
}

/** Deletes a model's folder: out of the list at once, then file by file. */
export async function deleteModel(dir: string): Promise<void> {
  const away = path.join(path.dirname(dir), `.${path.basename(dir)}.gone`);
  await rm(away, { recursive: true, force: true });
  await rename(dir, away);
  await rm(away, { recursive: true, force: true });
}

/** Removes what runs that died left of models on their way in or out. */
export async function tidyModels(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((entry) => /^\..+\.(?:part|gone)$/.test(entry)))
    await rm(path.join(folder, name), { recursive: true, force: true });
}

/** The text of the licence that a model names. Throws AppError('not-found'). */
export async function licenceText(dir: string, manifest: Manifest | null): Promise<string> {
  const file = path.join(dir, manifest?.licenseFile ?? 'LICENSE');
  if (await isSmallFile(file)) return await readFile(file, 'utf8');
  throw new AppError('not-found', `There is no licence text at ${file}. Ask whoever made the model.`);
}

async function modelFolder(folder: string): Promise<string> {
  const missing = `There is no folder ${folder}. Give the folder of a model, with its model.json.`;
  const real = await realpath(path.resolve(folder)).catch(() => {
    throw new AppError('not-found', missing);
  });
  if (!(await stat(real)).isDirectory()) throw new AppError('bad-request', `${folder} is a file. ${missing}`);
  const names = await readdir(real);
  if (names.includes('model.json')) return real;
  throw new AppError('not-found', `There is no model.json in ${folder}, so it is no model's folder.`);
}

async function requireRoom(into: string, { files, id }: Manifest): Promise<void> {
  const { bavail, bsize } = await statfs(into, { bigint: true });
  const needed = files.reduce((sum, file) => sum + file.bytes, 0);
  const free = Number(bavail * bsize);
  if (free < needed)
    throw new AppError(
      'full',
      `The model "${id}" needs ${megabytes(needed)} and ${into} has ${megabytes(free)} free. Make room first.`,
    );
}

async function copyFiles(
  { source, manifest }: Copy,
  part: string,
  progress: CopyProgress,
  signal: AbortSignal,
): Promise<void> {
  progress.phase(
    'copy',
    manifest.files.reduce((sum, file) => sum + file.bytes, 0),
  );
  let copied = 0;
  const onBytes = async (bytes: number): Promise<void> => {
    progress.done((copied += bytes));
    await progress.pass();
    throwIfAborted(signal);
  };
  const folders = new Set([part]);
  for (const { path: name, sha256 } of manifest.files) {
    const target = path.join(part, name);
    await mkdir(path.dirname(target), { recursive: true });
    folders.add(path.dirname(target));
    const found = await copyHashed(path.join(source, name), target, onBytes);
    if (found === sha256) continue;
    const from = path.join(source, name);
    throw new AppError(
      'model',
      `Model file ${from} has SHA-256 ${found} where model.json says ${sha256}. Get the model again.`,
    );
  }
  const licence = path.join(source, manifest.licenseFile);
  if (!manifest.files.some((file) => file.path === manifest.licenseFile) && (await isSmallFile(licence))) {
    const target = path.join(part, manifest.licenseFile);
    await mkdir(path.dirname(target), { recursive: true });
    await copyHashed(licence, target, uncounted);
  }
  await copyHashed(path.join(source, 'model.json'), path.join(part, 'model.json'), uncounted);
  for (const folder of folders) await syncFolder(folder);
}

const uncounted = (): Promise<void> => Promise.resolve();

async function isSmallFile(file: string): Promise<boolean> {
  const found = await lstat(file).catch(() => undefined);
  return found?.isFile() === true && found.size <= licenceBytes;
}

/** Copies a file to a new name, syncs it, and gives the SHA-256 in hex of what was written. */
async function copyHashed(
  from: string,
  to: string,
  onBytes: (bytes: number) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256');
  const input = await open(from, 'r');
  try {
    const output = await open(to, 'wx');
    try {
      for await (const chunk of input.createReadStream({ highWaterMark: chunkBytes, autoClose: false })) {
        const bytes = chunk as Buffer;
        hash.update(bytes);
        await output.writeFile(bytes);
        await onBytes(bytes.length);
      }
      await output.sync();
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
  return hash.digest('hex');
}

function explain(error: unknown, id: string): unknown {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError(
      'full',
      `The disk is full: the model "${id}" was not added. Make room and add it again.`,
    );
  return new AppError('unreadable', `The model "${id}" was not added: ${reasonOf(error)}`, { cause: error });
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
