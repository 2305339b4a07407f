/** "Open with Iris": a folder or a photo that the system hands over, by its path. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Api, Root } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';

export interface Asking {
  /** Whether the person wants this folder in the library. */
  mayAdd: (folder: string) => Promise<boolean>;
}

const lookEveryMs = 500;
const looks = 120;
const pageSize = 1000;

/** Takes the folder, or the folder of the photo, into the library; gives the photo to show, if it was one. */
export async function openPath(api: Api, target: string, { mayAdd }: Asking): Promise<number | undefined> {
  const isFolder = (await stat(target)).isDirectory();
  const folder = isFolder ? target : path.dirname(target);
  const known = await findPhoto(api, target);
  if (known !== undefined) return known;
  if (!rootOf((await api.status({})).roots, folder) && !(await mayAdd(folder))) return undefined;
  await startIndex(api, folder);
  return isFolder ? undefined : await awaitPhoto(api, target);
}

/** A job that runs already may find the photo as well. */
async function startIndex(api: Api, folder: string): Promise<void> {
  await api.index({ folders: [folder] }).catch((error: unknown) => {
    if (!(error instanceof AppError && error.code === 'busy')) throw error;
  });
}

async function awaitPhoto(api: Api, file: string): Promise<number | undefined> {
  for (let look = 0; look < looks; look++) {
    const id = await findPhoto(api, file);
    if (id !== undefined) return id;
    await delay(lookEveryMs);
  }
  return undefined;
}

/** The photo of the library whose file this is. */
export async function findPhoto(api: Api, file: string): Promise<number | undefined> {
  const root = rootOf((await api.status({})).roots, file);
  if (!root) return undefined;
  const folder = path.relative(root.path, path.dirname(file)).split(path.sep).join('/');
  for (let offset = 0; ; offset += pageSize) {
    const page = await api.photos({ root: root.id, folder, offset, limit: pageSize });
    for (const { id, name } of page.photos) {
      if (name !== path.basename(file)) continue;
      if ((await api.photo({ id })).files.some((entry) => entry.path === file)) return id;
    }
    if (offset + pageSize >= page.total) return undefined;
  }
}

/** The folder of the library that `target` is, or lies in. */
export function rootOf(roots: readonly Root[], target: string): Root | undefined {
  return roots.find((root) => {
    const inside = path.relative(root.path, target);
    return inside !== '..' && !inside.startsWith(`..${path.sep}`) && !path.isAbsolute(inside);
  });
}
