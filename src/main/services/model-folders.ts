/** Folders of models that a person adds: copied whole and checked while they are copied, or not at all. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Args } from '../../shared/contract.ts';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { keyFile } from '../inference/families/endpoint.ts';
import { importFolder } from '../inference/imports/folder.ts';
import { checkSizes, readManifest, type Manifest } from '../inference/registry.ts';
import { syncFolder, writeWhole } from '../lib/atomic-write.ts';
import { isLoopback } from '../lib/hub-calls.ts';
import { megabytes } from '../lib/progress.ts';

const chunkBytes = 1 << 20;
const licenceBytes = 200_000;

/**
 * A model that may be copied: its own folder, and the folder of the library's models. The manifest of a folder without
 * one was made of it, and its hashes are '' until the files are read.
 */
export interface Copy {
  source: string;
  into: string;
  manifest: Manifest;
  imported: boolean;
}

export interface CopyProgress {
  phase(phase: 'copy', total: number): void;
  done(bytes: number): void;
  pass(): Promise<void>;
}

/**
 * Looks at all that can be known before anything is copied; `taken` are the ids of models that are here. `dtype` chooses
 * among the files of a folder in the form of onnx-community.
 */
export async function planCopy(
  { folder, dtype }: Args<'addModel'>,
  into: string,
  taken: ReadonlySet<string>,
): Promise<Copy> {
  const { source, imported } = await modelFolder(folder);
  if (!imported && dtype !== undefined)
    throw new AppError(
      'bad-request',
      `${folder} has a model.json that names its files. Leave out the dtype.`,
    );
  const manifest = imported ? await importFolder(source, { dtype }) : await readManifest(source);
  if (manifest.generate?.family === 'endpoint')
    throw new AppError('bad-request', `${folder} names a server. Connect it by its address instead.`);
  if (taken.has(manifest.id))
    throw new AppError('exists', `The model "${manifest.id}" is here already. Remove it first.`);
  await checkSizes(source, manifest);
  await mkdir(into, { recursive: true });
  await requireRoom(into, bytesOf(manifest), manifest.id);
  return { source, into, manifest, imported };
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

/**
 * A model's folder for a server: its address and name, and nothing to load. Asking one that is not on this machine
 * takes the person's word that photos may go there. A key is in a file of its own, which only its owner may read and
 * which goes when the model does.
 */
export async function connectFolder(
  { address, model, remote = false, key, keyVariable }: Args<'connectModel'>,
  into: string,
): Promise<Manifest> {
  if (key !== undefined && keyVariable !== undefined)
    throw new AppError('bad-request', 'Expected a key or the variable that holds it, got both.');
  const url = serverAddress(address, remote);
  const manifest = endpointManifest(url, model, keyVariable);
  const dir = path.join(into, manifest.id);
  await mkdir(dir, { recursive: true });
  await writeWhole(path.join(dir, 'LICENSE.md'), endpointLicence, true);
  await rm(path.join(dir, keyFile), { force: true });
  if (key !== undefined) await writeWhole(path.join(dir, keyFile), `${key}\n`, true, 0o600);
  await writeWhole(path.join(dir, 'model.json'), JSON.stringify(manifest, null, 2), true);
  return await readManifest(dir);
}

const endpointLicence =
  'What the server at this address serves has a licence of its own. Ask whoever made it.\n';

function serverAddress(address: string, remote: boolean): URL {
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new AppError(
      'bad-request',
      `"${address}" is no server's address. Expected one such as http://127.0.0.1:11434/v1.`,
    );
  if (!remote && !isLoopback(url.hostname))
    throw new AppError(
      'bad-request',
      `${url.host} is not this computer: photos that you ask about would be sent there. Agree to that first.`,
    );
  return url;
}

function endpointManifest(url: URL, model: string, keyVariable: string | undefined): Manifest {
  const slug = `${url.host}${url.pathname}-${model}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const digest = createHash('sha256').update(`${url.href} ${model}`).digest('hex').slice(0, 6);
  const licence = Buffer.from(endpointLicence);
  const sha256 = createHash('sha256').update(licence).digest('hex');
  return {
    format: 1,
    id: `server-${slug.replace(/^-|-$/g, '').slice(0, 60)}-${digest}`,
    version: '1',
    name: `${model} at ${url.host}`,
    summary: `Asked over the connection to ${url.host}; photos that it is asked about are sent there.`,
    license: 'its own',
    licenseFile: 'LICENSE.md',
    source: url.href,
    memoryMb: 0,
    files: [{ path: 'LICENSE.md', sha256, bytes: licence.length }],
    preprocess: {
      ...{ version: 1, width: 1024, height: 1024, fit: 'contain', resample: 'lanczos' },
      ...{ mean: [128, 128, 128], std: [1, 1, 1] },
    },
    generate: {
      family: 'endpoint',
      address: url.href,
      model,
      ...(keyVariable !== undefined && { keyVariable }),
      captionPrompt: 'Describe this photo in one sentence.',
      maxNewTokens: 400,
      firstWordMs: 120_000,
      nextWordMs: 30_000,
    },
  };
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

async function modelFolder(folder: string): Promise<Pick<Copy, 'source' | 'imported'>> {
  const missing = `There is no folder ${folder}. Give the folder of a model, with its model.json or config.json.`;
  const real = await realpath(path.resolve(folder)).catch(() => {
    throw new AppError('not-found', missing);
  });
  if (!(await stat(real)).isDirectory()) throw new AppError('bad-request', `${folder} is a file. ${missing}`);
  const names = await readdir(real);
  if (names.includes('model.json')) return { source: real, imported: false };
  if (names.includes('config.json')) return { source: real, imported: true };
  throw new AppError(
    'not-found',
    `There is no model.json in ${folder}, and no config.json: it is no model's folder.`,
  );
}

/** Throws AppError('full') where `into`, which must be there, has no room for so many bytes of a model. */
export async function requireRoom(into: string, needed: number, id: string): Promise<void> {
  const { bavail, bsize } = await statfs(into, { bigint: true });
  const free = Number(bavail * bsize);
  if (free < needed)
    throw new AppError(
      'full',
      `The model "${id}" needs ${megabytes(needed)} and ${into} has ${megabytes(free)} free. Make room first.`,
    );
}

function bytesOf({ files }: Manifest): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

async function copyFiles(
  { source, manifest, imported }: Copy,
  part: string,
  progress: CopyProgress,
  signal: AbortSignal,
): Promise<void> {
  progress.phase('copy', bytesOf(manifest));
  let copied = 0;
  const onBytes = async (bytes: number): Promise<void> => {
    progress.done((copied += bytes));
    await progress.pass();
    throwIfAborted(signal);
  };
  const folders = new Set([part]);
  const files: Manifest['files'] = [];
  for (const { path: name, sha256, bytes } of manifest.files) {
    const target = path.join(part, name);
    await mkdir(path.dirname(target), { recursive: true });
    folders.add(path.dirname(target));
    const found = await copyHashed(path.join(source, name), target, onBytes);
    files.push({ path: name, sha256: found, bytes });
    if (found === sha256 || sha256 === '') continue;
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
  const listed = path.join(part, 'model.json');
  if (imported) await writeWhole(listed, JSON.stringify({ ...manifest, files }, null, 2), true);
  else await copyHashed(path.join(source, 'model.json'), listed, uncounted);
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

/** What a full disk or a folder that cannot be written to means for the model `id`; what is said already stays. */
export function explain(error: unknown, id: string): unknown {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError(
      'full',
      `The disk is full: the model "${id}" was not added. Make room and add it again.`,
    );
  return new AppError('unreadable', `The model "${id}" was not added: ${reasonOf(error)}`, { cause: error });
}
