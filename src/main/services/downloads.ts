/**
 * Models from a hub: which the catalogue knows, and a folder of checked files for one of them.
 *
 * A file is written as `NAME.part`, hashed on the way, and gets its name when it is the one that the hub's list means.
 * All lie in a hidden folder beside the models, which stays when a download ends early: the next goes on from there.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CatalogueModel } from '../../shared/catalogue.ts';
import { AppError, throwIfAborted } from '../../shared/errors.ts';
import { architectureOf } from '../inference/imports/architectures.ts';
import { importFolder, type ImportOptions } from '../inference/imports/folder.ts';
import { needSettings } from '../inference/imports/settings.ts';
import { checkSizes, readManifest } from '../inference/registry.ts';
import { syncFolder, writeWhole } from '../lib/atomic-write.ts';
import { forEachBounded } from '../lib/channel.ts';
import { listRepository, readFrom, type HubFile, type Wanted } from '../lib/hub.ts';
import { causeOf, type Hub } from '../lib/hub-calls.ts';
import type { KnownModel } from '../lib/known-models.ts';
import { PartFile } from '../lib/part-file.ts';

const filesAtOnce = 4;
/** What is smaller comes first: settings that tell whether the rest is of use. */
const settingsBytes = 1e6;
const planFile = 'download.json';

/** What the page and the command line are told of a known model. */
export async function describe(known: KnownModel, into: string, here: boolean): Promise<CatalogueModel> {
  const { id, name, does, suits, can, license, repository, revision, bytes, memoryMb, unseen } = known;
  return {
    ...{ id, name, does, suits, can, license, repository, bytes, memoryMb, unseen, here },
    revision: revision ?? null,
    cannot: known.cannot ?? null,
    kept: await bytesIn(partFolder(into, id)),
  };
}

/** Deletes what an unfinished download left. */
export async function discard(into: string, id: string): Promise<void> {
  await rm(partFolder(into, id), { recursive: true, force: true });
}

function partFolder(into: string, id: string): string {
  return path.join(into, `.${id}.download`);
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && entry.name !== planFile);
  const sizes = await Promise.all(files.map((file) => sizeOf(path.join(file.parentPath, file.name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function sizeOf(file: string): Promise<number> {
  return await stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

export interface DownloadProgress {
  phase(phase: 'download', total: number): void;
  done(bytes: number): void;
  pass(): Promise<void>;
}

/** A folder whose files are the hub's, and by path the SHA-256 of each. */
export interface Downloaded {
  folder: string;
  source: string;
  hashes: ReadonlyMap<string, string>;
}

/** What a download needs beside the model: who gives it, where it goes, and whether there is room for it. */
export interface Downloading {
  hub: Hub;
  into: string;
  requireRoom: (bytes: number) => Promise<void>;
  progress: DownloadProgress;
  signal: AbortSignal;
}

/** Downloads all files of a model that are not here yet. Throws AppError naming the file and what to do. */
export async function download(known: KnownModel, options: Downloading): Promise<Downloaded> {
  const { hub, into, requireRoom, progress, signal } = options;
  if (known.cannot) throw new AppError('model', `${known.name}: ${known.cannot.en}`);
  const { repository, revision } = known;
  const { commit, files } = await listRepository(hub, repository, revision, signal);
  const chosen = choose(known, files, hub);
  const folder = partFolder(into, known.id);
  await prepare(folder, { repository, commit });
  const total = chosen.reduce((sum, file) => sum + file.bytes, 0);
  await requireRoom(total - (await bytesIn(folder)));
  progress.phase('download', total);
  const hashes = await fetchAll(
    chosen.map((file) => ({ repository, commit, file })),
    folder,
    options,
  );
  return { folder, source: `${hub.address}/${repository}/tree/${commit}`, hashes };
}

/**
 * Makes a model of a downloaded folder: one with a model.json must name the hub's files by the hub's hashes, of another
 * the settings are read and the hub's hashes written down. Only then does the folder get a name by which it can be
 * loaded. Throws AppError('model').
 */
export async function settle(downloaded: Downloaded, known: KnownModel, into: string): Promise<void> {
  const { folder, hashes } = downloaded;
  const own = hashes.has('model.json');
  const manifest = own ? await readManifest(folder) : await importFolder(folder, pinned(downloaded, known));
  if (manifest.id !== known.id)
    throw new AppError(
      'model',
      `${known.repository}: expected the model "${known.id}", got "${manifest.id}".`,
    );
  await checkSizes(folder, manifest);
  const wrong = manifest.files.find(({ path: name, sha256 }) => hashes.get(name) !== sha256);
  if (wrong)
    throw new AppError(
      'model',
      `${wrong.path}: model.json says SHA-256 ${wrong.sha256}, the hub ${hashes.get(wrong.path) ?? 'nothing'}. Nothing of it is used.`,
    );
  if (!own) await writeWhole(path.join(folder, 'model.json'), JSON.stringify(manifest, null, 2), true);
  await rename(folder, path.join(into, known.id));
  await syncFolder(into);
  await rm(path.join(into, known.id, planFile), { force: true });
}

/** What the catalogue and the hub know of a model better than its folder. */
function pinned({ source, hashes }: Downloaded, known: KnownModel): ImportOptions {
  const { id, name, license, memoryMb, does, suits } = known;
  const about = { name, license, memoryMb, source, summary: `${does.en} ${suits.en}` };
  return { id, hashes, about };
}

/** The listed files, weights that lie beside an ONNX file, and the licence. */
function choose(known: KnownModel, files: readonly HubFile[], hub: Hub): HubFile[] {
  const { files: listed, optional, repository } = known;
  const missing = listed.find((name) => !files.some((file) => file.path === name));
  if (missing !== undefined)
    throw new AppError(
      'not-found',
      `${repository} at ${hub.address} has no ${missing}, so it is not the model that this Iris knows. Look for a newer Iris, or add the model from a folder.`,
    );
  const wanted = new Set([...listed, ...optional]);
  const chosen = files.filter(
    ({ path: name }) => wanted.has(name) || isLicence.test(name) || isWeightsOf(name, wanted),
  );
  const unproven = chosen.find(({ sha256, gitSha1 }) => sha256 === undefined && gitSha1 === undefined);
  if (unproven)
    throw new AppError('model', `${hub.address} gives no hash for ${unproven.path} of ${repository}.`);
  return chosen.sort((a, b) => b.bytes - a.bytes);
}

/** Where a repository has no licence of its own, its card says under which it is. */
const isLicence = /^(?:LICEN[CS]E|NOTICE|README)(?:\.\w{1,8})?$/i;

/** `x.onnx_data`, `x.onnx_data_1` and `x.onnx.data` belong to `x.onnx`. */
function isWeightsOf(name: string, wanted: ReadonlySet<string>): boolean {
  const [, owner] = /^(.+\.onnx)[._]data(?:_\d+)?$/.exec(name) ?? [];
  return owner !== undefined && wanted.has(owner);
}

/** What lies in the folder is of this commit, or goes. */
async function prepare(folder: string, plan: { repository: string; commit: string }): Promise<void> {
  const file = path.join(folder, planFile);
  const text = JSON.stringify(plan);
  if ((await readFile(file, 'utf8').catch(() => '')) === text) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeWhole(file, text, true);
}

/** Several at once; the first that fails stops the others. */
async function fetchAll(
  wanted: readonly Wanted[],
  folder: string,
  { hub, progress, signal }: Downloading,
): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  const stop = new AbortController();
  let done = 0;
  const fetching: Fetching = {
    hub,
    signal: AbortSignal.any([signal, stop.signal]),
    moved: async (bytes) => {
      progress.done((done += bytes));
      await progress.pass();
    },
  };
  const fetchThese = (these: readonly Wanted[]): Promise<void> =>
    forEachBounded(these, filesAtOnce, async (each) => {
      try {
        hashes.set(each.file.path, await fetchFile(each, path.join(folder, each.file.path), fetching));
      } catch (error) {
        stop.abort();
        throw error;
      }
    });
  await fetchThese(wanted.filter(({ file }) => file.bytes < settingsBytes));
  if (hashes.has('config.json') && !hashes.has('model.json'))
    architectureOf(await needSettings(folder, 'config.json')); // throws where Iris cannot run it
  await fetchThese(wanted.filter(({ file }) => file.bytes >= settingsBytes));
  throwIfAborted(signal);
  return hashes;
}

interface Fetching {
  hub: Hub;
  signal: AbortSignal;
  /** So many bytes more are here, or fewer. */
  moved: (bytes: number) => Promise<void>;
}

/** Fetches what is missing of one file, and gives its SHA-256. One from an earlier run that has gone bad is fetched anew. */
async function fetchFile(wanted: Wanted, target: string, fetching: Fetching): Promise<string> {
  const { file } = wanted;
  await mkdir(path.dirname(target), { recursive: true });
  await rename(target, `${target}.part`).catch(() => undefined); // from an earlier run: looked at again
  const part = await PartFile.open(`${target}.part`, file);
  try {
    const found = part.size;
    await fetching.moved(found);
    await fill(part, wanted, fetching);
    if (!part.isRight && found > 0) {
      await fetching.moved(-(await part.empty()));
      await fill(part, wanted, fetching);
    }
    if (!part.isRight) {
      await part.empty();
      throw new AppError(
        'model',
        `${file.path}: expected ${part.expected}, got ${part.found} from ${fetching.hub.address}. It was deleted: the copy there, or the way to it, is damaged. Try again, or another hub.`,
      );
    }
    await part.sync();
  } finally {
    await part.close();
  }
  await rename(`${target}.part`, target);
  await syncFolder(path.dirname(target));
  return part.sha256;
}

/** Asks for the rest until all is here; gives up when it has been asked several times without anything new. */
async function fill(part: PartFile, wanted: Wanted, fetching: Fetching): Promise<void> {
  const { hub, signal } = fetching;
  const { path: name, bytes } = wanted.file;
  let furthest = part.size;
  for (let idle = 0; part.size < bytes;) {
    const cut = await stream(part, wanted, fetching);
    if (part.size >= bytes) return;
    idle = part.size > furthest ? 1 : idle + 1;
    furthest = Math.max(furthest, part.size);
    if (idle >= hub.tries)
      throw new AppError(
        'unreadable',
        `${name}: ${hub.address} gave ${part.size} of ${bytes} bytes and then no more (${cut}). Check the connection and download again: it goes on from there.`,
      );
    await hub.wait(500 * 2 ** idle, signal);
  }
}

/** Writes what comes of one answer; gives the reason why it ended. */
async function stream(part: PartFile, wanted: Wanted, { hub, signal, moved }: Fetching): Promise<string> {
  const { from, chunks } = await readFrom(hub, wanted, part.size, signal);
  if (from < part.size) await moved(-(await part.empty()));
  const source = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await source.next().catch((error: unknown) => {
        throwIfAborted(signal);
        return { cut: causeOf(error) };
      });
      if ('cut' in next) return next.cut;
      if (next.done) return 'the answer ended there';
      await part.write(next.value);
      await moved(next.value.length);
      throwIfAborted(signal);
    }
  } finally {
    await source.return?.();
  }
}
