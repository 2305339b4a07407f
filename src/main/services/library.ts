/** Folders of the library: adding, removing, scanning them into the store, and telling offline from gone. */
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../shared/errors.ts';
import { below, display, joinBytes } from '../lib/paths.ts';
import { walk, type SeenFile } from '../lib/walk.ts';
import type { WriteDb } from '../store/database.ts';
import {
  addRoot,
  knownFiles,
  mergeRoot,
  noteFiles,
  pathKey,
  roots,
  setPresent,
  setRootState,
  type KnownFile,
  type RootRow,
} from '../store/files.ts';

/** With more than this share of a root gone at once, a drive is more likely away than so much deleted. */
const goneShare = 0.2;
const goneAtLeast = 5;

/** A folder to scan: a root, or a part of one. */
export interface Target {
  root: RootRow;
  /** Relative to the root; '' for all of it. */
  start: string;
}

/** Takes a folder in, or finds the root it already belongs to. Roots inside it become part of it. */
export async function addFolder(db: WriteDb, folder: string): Promise<Target> {
  const real = await realFolder(folder);
  const known = roots(db);
  for (const root of known) {
    const start = below(display(root.path), real);
    if (start !== undefined) return { root, start };
  }
  const id = addRoot(db, Buffer.from(real));
  for (const child of known) {
    const prefix = below(real, display(child.path));
    if (prefix !== undefined) mergeRoot(db, child.id, id, prefix);
  }
  return { root: { id, path: Buffer.from(real), state: 'online' }, start: '' };
}

/** Takes in several folders; one that lies inside another of them is scanned with that. */
export async function addFolders(db: WriteDb, folders: readonly string[]): Promise<Target[]> {
  for (const folder of folders) await addFolder(db, folder);
  const targets: Target[] = []; // asked again, as a later folder may have taken in the root of an earlier one
  for (const folder of folders) targets.push(await addFolder(db, folder));
  return targets.filter(
    (target, i) =>
      !targets.some(
        (other, j) =>
          other.root.id === target.root.id &&
          (other.start === target.start ? j < i : insideFolder(other.start, target.start)),
      ),
  );
}

function insideFolder(outer: string, inner: string): boolean {
  return outer === '' || inner.startsWith(`${outer}/`);
}

async function realFolder(folder: string): Promise<string> {
  try {
    const real = await realpath(path.resolve(folder));
    if ((await stat(real)).isDirectory()) return real;
  } catch {
    throw new AppError('not-found', `There is no folder ${folder}. Give the path of a folder with photos.`);
  }
  throw new AppError('bad-request', `${folder} is a file. Give the folder it lies in.`);
}

export interface ScanResult {
  /** Reasons for what was passed over, as absolute raw paths. */
  problems: { kind: 'skipped' | 'failed'; path: Buffer; reason: string }[];
  /** Files came or went: what can be found has changed. */
  presenceChanged: boolean;
}

export interface ScanOptions {
  onFiles: (seen: number) => Promise<void>;
  /** A person says that what is missing was deleted, so that it may be much. */
  accept: boolean;
}

/** Brings the store in line with what lies in the folder. Nothing is ever deleted for being absent. */
export async function scan(
  db: WriteDb,
  target: Target,
  { onFiles, accept }: ScanOptions,
  signal: AbortSignal,
): Promise<ScanResult> {
  const { root, start } = target;
  const known = await knownFiles(db, root.id);
  const result: ScanResult = { problems: [], presenceChanged: false };
  const unseen = new Map<string, KnownFile>();
  for (const [key, file] of known)
    if (file.present && (start === '' || inside(start, file.path))) unseen.set(key, file);
  const back: number[] = [];
  let seen = 0;
  for await (const found of walk(Buffer.from(root.path), Buffer.from(start), signal)) {
    if (found.kind !== 'files') {
      result.problems.push(found);
      continue;
    }
    noteFiles(
      db,
      root.id,
      found.files.filter((file) => changed(file, known.get(pathKey(file.path)))),
    );
    for (const file of found.files) {
      const before = known.get(pathKey(file.path));
      unseen.delete(pathKey(file.path));
      if (before?.present === 0) back.push(before.id);
    }
    await onFiles((seen += found.files.length));
  }
  setPresent(db, back, true);
  const complete = !signal.aborted && !result.problems.some((problem) => problem.kind === 'failed');
  const missing = complete ? [...unseen.values()] : []; // else their absence proves nothing
  const many = !accept && missing.length > Math.max(goneAtLeast, known.size * goneShare);
  if (many) result.problems.push(tooMany(target, missing.length));
  if (complete && start === '') setRootState(db, root.id, many ? 'offline' : 'online');
  const gone = many ? [] : missing.map((file) => file.id);
  setPresent(db, gone, false);
  return { ...result, presenceChanged: back.length > 0 || gone.length > 0 };
}

function changed(file: SeenFile, before: KnownFile | undefined): boolean {
  return (
    !before ||
    before.size !== file.size ||
    before.mtimeUs !== file.mtimeUs ||
    before.ctimeUs !== file.ctimeUs ||
    before.inode !== file.inode
  );
}

function inside(start: string, path: Uint8Array): boolean {
  return insideFolder(start, display(path));
}

function tooMany({ root, start }: Target, count: number): ScanResult['problems'][number] {
  return {
    kind: 'failed',
    path: joinBytes(root.path, Buffer.from(start)),
    reason:
      `${count} photos of this folder are missing; they are kept, as a drive may be away. ` +
      'If they were deleted on purpose, say so (iris index --accept-deletions).',
  };
}

/** A root whose folder is not there is offline: shown, searchable, waiting to come back. */
export async function checkOnline(db: WriteDb, root: RootRow): Promise<boolean> {
  const there = await stat(Buffer.from(root.path)).then(
    (s) => s.isDirectory(),
    () => false,
  );
  if (!there) setRootState(db, root.id, 'offline');
  return there;
}
