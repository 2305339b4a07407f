/** Folders inside the person's home, for a picker in a page that has no dialog of the system's. */
import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { FolderListing } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { isPhotoName } from '../lib/image-type.ts';
import { below } from '../lib/paths.ts';

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/**
 * The folders directly inside `wanted`, which must lie in the home folder: as it is written, so that nothing
 * outside can be probed for, and as it is on the disk, so that no link leads out. Hidden ones are not shown.
 */
export async function listFolder(wanted?: string, home = os.homedir()): Promise<FolderListing> {
  const top = await realpath(home);
  const folder = wanted === undefined ? top : await inside(wanted, home, top);
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(
    unreadable(folder),
  );
  const visible = entries.filter(({ name }) => isUtf8(name) && name[0] !== 0x2e);
  const folders = await Promise.all(visible.map((entry) => folderOf(folder, entry, top)));
  return {
    path: folder,
    parent: folder === top ? null : path.dirname(folder),
    folders: folders.filter((entry) => entry !== undefined).sort((a, b) => byName(a.name, b.name)),
    photos: visible.filter((entry) => entry.isFile() && isPhotoName(entry.name.toString())).length,
  };
}

/** The real path of a folder that was asked for. */
async function inside(wanted: string, home: string, top: string): Promise<string> {
  const outside = new AppError('bad-request', `Expected a folder inside ${top}, got ${wanted}.`);
  if (!path.isAbsolute(wanted) || wanted.includes('\0')) throw outside;
  const written = path.resolve(wanted);
  if (!shown(top, written) && !shown(path.resolve(home), written)) throw outside;
  const real = await realpath(written).catch(unreadable(written));
  if (!shown(top, real)) throw outside;
  return real;
}

/** Whether `folder` is `top` or lies below it, along no hidden folder. */
function shown(top: string, folder: string): boolean {
  const rel = below(top, folder);
  return rel !== undefined && !rel.split('/').some((part) => part.startsWith('.'));
}

async function folderOf(
  parent: string,
  entry: Dirent<Buffer>,
  top: string,
): Promise<FolderListing['folders'][number] | undefined> {
  const name = entry.name.toString();
  const full = path.join(parent, name);
  if (entry.isDirectory()) return { name, path: full };
  if (!entry.isSymbolicLink()) return undefined;
  const target = await realpath(full).catch(() => undefined);
  if (target === undefined || !shown(top, target)) return undefined;
  return (await stat(target).catch(() => undefined))?.isDirectory() ? { name, path: full } : undefined;
}

function unreadable(folder: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT') throw new AppError('not-found', `There is no folder ${folder}.`);
    if (code === 'ENOTDIR') throw new AppError('bad-request', `${folder} is a file. Choose a folder.`);
    if (code === 'EACCES' || code === 'EPERM')
      throw new AppError('unreadable', `Iris may not read ${folder}: permission denied.`);
    throw new AppError('unreadable', `${folder} could not be read: ${reasonOf(error)}`);
  };
}
