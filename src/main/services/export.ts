/** Writes captions out: CSV, JSONL or HTML as one file, txt or XMP as sidecars. The only module that writes beside photos. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExportFormat, ExportReport } from '../../shared/contract.ts';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { writeWhole } from '../lib/atomic-write.ts';
import { extensionOf, isRawName } from '../lib/image-type.ts';
import { pathFields } from '../lib/paths.ts';
import { captionedFiles, sidecarHash, noteSidecar, type CaptionedFile } from '../store/export.ts';
import type { WriteDb } from '../store/database.ts';
import { csvRow, csvHeader, htmlPage, jsonLine, xmpPacket } from '../lib/export-text.ts';

const tableNames = {
  csv: 'iris-captions.csv',
  jsonl: 'iris-captions.jsonl',
  html: 'iris-captions.html',
} as const;

/** `out` is needed for tables; sidecars go beside their photos without it. */
export async function exportCaptions(
  db: WriteDb,
  format: ExportFormat,
  out: string | undefined,
  signal?: AbortSignal,
): Promise<ExportReport> {
  const files = captionedFiles(db);
  if (format === 'txt' || format === 'xmp') return await exportSidecars(db, files, format, out, signal);
  if (out === undefined)
    throw new AppError('bad-request', `A ${format} file needs a folder to go into: give --out DIR.`);
  const target = path.join(path.resolve(out), tableNames[format]);
  const report: ExportReport = { written: [], skipped: [], failed: [], preview: null };
  await mkdir(path.dirname(target), { recursive: true });
  await writeOurs(db, Buffer.from(target), table(format, files, path.dirname(target)), report);
  return report;
}

function table(format: keyof typeof tableNames, files: CaptionedFile[], folder: string): string {
  if (format === 'html') return htmlPage(files, folder);
  if (format === 'csv') return csvHeader + files.map(csvRow).join('');
  return files.map(jsonLine).join('');
}

async function exportSidecars(
  db: WriteDb,
  files: CaptionedFile[],
  format: 'txt' | 'xmp',
  out: string | undefined,
  signal?: AbortSignal,
): Promise<ExportReport> {
  const report: ExportReport = { written: [], skipped: [], failed: [], preview: null };
  const taken = stems(files);
  for (const file of files) {
    throwIfAborted(signal);
    const content = format === 'txt' ? `${file.caption}\n` : xmpPacket(file.caption);
    const target = sidecarPath(file, format, out, taken);
    // Beside the photos no folder is made: one that is missing lies on a drive that is away.
    if (out !== undefined) await mkdir(folderOf(target), { recursive: true });
    await writeOurs(db, target, content, report);
  }
  return report;
}

/** Photos of one folder that differ only in their extension, for which a bare stem would be ambiguous. */
function stems(files: CaptionedFile[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of files) {
    const stem = stemOf(file.absolute).toString('latin1');
    counts.set(stem, (counts.get(stem) ?? 0) + 1);
  }
  return counts;
}

function stemOf(absolute: Buffer): Buffer {
  const extension = extensionOf(absolute.toString('latin1'));
  return extension ? absolute.subarray(0, absolute.length - extension.length - 1) : absolute;
}

/**
 * Names as other programs look for them: digiKam reads `IMG.jpg.xmp`, Lightroom `IMG.xmp` beside a
 * RAW, and caption tools `IMG.txt`, which falls back to the full name when two photos share it.
 */
function sidecarPath(
  file: CaptionedFile,
  format: 'txt' | 'xmp',
  out: string | undefined,
  taken: Map<string, number>,
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

function folderOf(target: Buffer): Buffer {
  return target.subarray(0, Math.max(1, target.lastIndexOf(path.sep)));
}

/** Writes, or says why not: a file that Iris did not write, or that was changed since, is left alone. */
async function writeOurs(db: WriteDb, target: Buffer, content: string, report: ExportReport): Promise<void> {
  const shown = pathFields(target);
  try {
    const ours = sidecarHash(db, target);
    const there = await readFile(target).then(sha256, () => undefined);
    if (there && !(ours && there.equals(ours))) {
      const reason = ours
        ? 'It was changed since Iris wrote it; left as it is.'
        : 'A file that Iris did not write is there; left as it is.';
      report.skipped.push({ ...shown, reason });
      return;
    }
    await writeWhole(target, content, there !== undefined);
    noteSidecar(db, target, sha256(content));
    report.written.push(shown.path);
  } catch (error) {
    report.failed.push({ ...shown, reason: reasonOf(error) });
  }
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
