/** Writes a file so that it is there whole or not at all: temporary file, fsync, rename, fsync of the folder. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes `content` to `target`. With `replace` false an existing file is an error (`EEXIST`), even
 * one that appears in the same instant. The folder must be there. `mode` is who may read it: by default, who may
 * read what this program writes.
 */
export async function writeWhole(
  target: string | Buffer,
  content: string,
  replace: boolean,
  mode = 0o666,
): Promise<void> {
  const bytes = Buffer.from(target);
  const cut = bytes.lastIndexOf(path.sep);
  const folder = bytes.subarray(0, Math.max(cut, 1));
  const temporary = Buffer.concat([
    bytes.subarray(0, cut + 1),
    Buffer.from(`.iris-${randomBytes(6).toString('hex')}.part`),
  ]);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(temporary, bytes);
    else await place(temporary, bytes);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** A hard link fails where the name is taken, which a rename would not. */
async function place(temporary: Buffer, target: Buffer): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    await (await open(target, 'wx')).close(); // a file system without links: reserve the name first
    await rename(temporary, target);
    return;
  }
  await unlink(temporary);
}

/** Makes what happened to names in a folder last over a power cut. */
export async function syncFolder(folder: string | Buffer): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a folder to sync it
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
