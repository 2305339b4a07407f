/** Walks a folder without following links out of it, and tells every file and every reason for a gap. */
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { reasonOf } from '../../shared/errors.ts';
import { forEachBounded } from './channel.ts';
import { joinBytes } from './paths.ts';

const statsAtOnce = 32;
const slash = Buffer.from('/');

/** What `stat` says of a file: equal stamps mean an unchanged file. Times in microseconds. */
export interface Stamp {
  size: number;
  mtimeUs: number;
  ctimeUs: number;
  inode: string;
}

export interface SeenFile extends Stamp {
  /** Relative to the root, raw bytes, '/' between parts. */
  path: Uint8Array;
}

export type Found =
  { kind: 'files'; files: SeenFile[] } | { kind: 'skipped' | 'failed'; path: Buffer; reason: string };

/**
 * Yields the regular files below `root`, folder by folder; `start` limits it to one folder inside.
 *
 * Symbolic links are not followed: what they point to inside the root is found anyway, and outside
 * is none of our business. A folder that cannot be read is told as `failed`: what lies in it is
 * unknown, so its absence proves nothing. Hidden folders are skipped, as file managers do.
 */
export async function* walk(root: Buffer, start: Buffer, signal: AbortSignal): AsyncGenerator<Found> {
  const waiting: Buffer[] = [start];
  const visited = new Set<string>(); // device and inode: bind mounts can loop even without links
  for (let folder = waiting.pop(); folder && !signal.aborted; folder = waiting.pop()) {
    const absolute = joinBytes(root, folder);
    try {
      const { dev, ino } = await lstat(absolute, { bigint: true });
      const identity = `${dev}:${ino}`;
      if (visited.has(identity)) continue;
      visited.add(identity);
      const entries = await readdir(absolute, { withFileTypes: true, encoding: 'buffer' });
      yield* look(root, folder, entries, waiting);
    } catch (error) {
      yield { kind: 'failed', path: absolute, reason: `This folder could not be read: ${reasonOf(error)}` };
    }
  }
}

async function* look(
  root: Buffer,
  folder: Buffer,
  entries: Dirent<Buffer>[],
  waiting: Buffer[],
): AsyncGenerator<Found> {
  const files: Buffer[] = [];
  for (const entry of entries) {
    const rel = folder.length > 0 ? Buffer.concat([folder, slash, entry.name]) : entry.name;
    const absolute = joinBytes(root, rel);
    if (entry.isFile()) files.push(rel);
    else if (entry.isSymbolicLink())
      yield {
        kind: 'skipped',
        path: absolute,
        reason: 'A link; Iris reads the file it points to where that lies.',
      };
    else if (!entry.isDirectory()) yield { kind: 'skipped', path: absolute, reason: 'Not a regular file.' };
    else if (entry.name[0] === 0x2e) yield { kind: 'skipped', path: absolute, reason: 'A hidden folder.' };
    else waiting.push(rel);
  }
  yield* statAll(root, files);
}

async function* statAll(root: Buffer, paths: Buffer[]): AsyncGenerator<Found> {
  const files: SeenFile[] = [];
  const failed: Found[] = [];
  await forEachBounded(paths, statsAtOnce, async (path) => {
    const absolute = joinBytes(root, path);
    try {
      const { size, mtimeNs, ctimeNs, ino } = await lstat(absolute, { bigint: true });
      files.push({
        path,
        size: Number(size),
        mtimeUs: Number(mtimeNs / 1000n),
        ctimeUs: Number(ctimeNs / 1000n),
        inode: String(ino),
      });
    } catch (error) {
      failed.push({ kind: 'failed', path: absolute, reason: reasonOf(error) });
    }
  });
  yield { kind: 'files', files };
  yield* failed;
}
