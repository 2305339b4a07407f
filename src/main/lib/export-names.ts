/** Where a sidecar goes, by the names that other programs look for. */
import path from 'node:path';
import { extensionOf, isRawName } from './image-type.ts';

export interface ExportFile {
  absolute: Buffer;
  /** Below its root, raw bytes. */
  relative: Buffer;
  /** Folder under `--out` that mirrors the root: '' with one root, else the root's own name. */
  mirror: string;
}

/**
 * digiKam reads `IMG.jpg.xmp`, Lightroom `IMG.xmp` beside a RAW, and caption tools `IMG.txt`, which
 * falls back to the full name when another photo (`taken`) shares that name.
 */
export function sidecarPath(
  file: ExportFile,
  format: 'txt' | 'xmp',
  out: string | undefined,
  taken: ReadonlyMap<string, number>,
): Buffer {
  const raw = isRawName(file.absolute.toString('latin1'));
  const stem = stemOf(file.absolute);
  const alone = (taken.get(stem.toString('latin1')) ?? 0) < 2;
  const short = (format === 'xmp' && raw) || (format === 'txt' && alone);
  const beside = Buffer.concat([short ? stem : file.absolute, Buffer.from(`.${format}`)]);
  if (out === undefined) return beside;
  const cut = file.absolute.length - file.relative.length;
  return Buffer.concat([
    Buffer.from(path.join(path.resolve(out), file.mirror) + path.sep),
    beside.subarray(cut),
  ]);
}

/** How many files share each path up to the extension. */
export function countStems(files: Iterable<Buffer>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of files) {
    const stem = stemOf(file).toString('latin1');
    counts.set(stem, (counts.get(stem) ?? 0) + 1);
  }
  return counts;
}

function stemOf(absolute: Buffer): Buffer {
  const extension = extensionOf(absolute.toString('latin1'));
  return extension ? absolute.subarray(0, absolute.length - extension.length - 1) : absolute;
}

export function folderOf(target: Buffer): Buffer {
  return target.subarray(0, Math.max(1, target.lastIndexOf(path.sep)));
}
