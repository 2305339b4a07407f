/** A tree of files as one value to compare: what no program wrote to is equal. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** Everything about a tree that a program could change by writing; not the time of last access, and not what lies below `but`. */
export async function fingerprint(folder: string, but?: string): Promise<Record<string, unknown>> {
  const entries: Record<string, unknown> = {};
  for (const name of ['', ...(await readdir(folder, { recursive: true })).sort()]) {
    const file = path.join(folder, name);
    if (but !== undefined && file.startsWith(but)) continue;
    const { mode, ino, nlink, uid, size, mtimeNs, ctimeNs } = await lstat(file, { bigint: true });
    const content = (await lstat(file)).isFile()
      ? createHash('sha256')
          .update(await readFile(file))
          .digest('hex')
      : 'folder';
    entries[name] = [mode, ino, nlink, uid, size, mtimeNs, ctimeNs].map(String).concat(content);
  }
  return entries;
}
