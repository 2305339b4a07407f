/** Writes captions out: CSV, JSONL or HTML as one file, txt or XMP as sidecars. The only module that writes beside photos. */
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Args, ExportReport } from '../../shared/contract.ts';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { writeWhole } from '../lib/atomic-write.ts';
import { countStems, folderOf, sidecarPath } from '../lib/export-names.ts';
import { csvTable, htmlTable, jsonTable, xmpPacket, type TableText } from '../lib/export-text.ts';
import { pathFields } from '../lib/paths.ts';
import { photoPath } from '../store/browse.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import {
  exportedFiles,
  filesToExport,
  noteSidecar,
  photoFilePaths,
  sidecarHash,
  type ExportedFile,
} from '../store/export.ts';

/** Rows are read from the store by so many: others have their turn between. */
const rowsAtOnce = 500;
const previewLength = 4000;

const tableNames = {
  csv: 'iris-captions.csv',
  jsonl: 'iris-captions.jsonl',
  html: 'iris-captions.html',
} as const;

export type ExportRequest = Omit<Args<'export'>, 'dryRun'>;

export interface ExportProgress {
  phase(phase: 'export', total: number): void;
  done(count: number): void;
  /** Holds while the job is paused. */
  pass(): Promise<void>;
}

export interface ExportDeps {
  db: ReadDb;
  /** Null for a dry run: without it, neither the disk nor the store is written to. */
  writer: WriteDb | null;
}

/** `out` is needed for tables; sidecars go beside their photos without it. */
export function requireFolder({ format, out }: ExportRequest): void {
  if (format in tableNames && out === undefined)
    throw new AppError('bad-request', `A ${format} file needs a folder to go into: give --out DIR.`);
}

export async function exportCaptions(
  deps: ExportDeps,
  request: ExportRequest,
  progress: ExportProgress,
  signal: AbortSignal | undefined,
): Promise<ExportReport> {
  requireFolder(request);
  const run = new ExportRun(deps, request, progress, signal);
  const { format, out } = request;
  if (format === 'txt' || format === 'xmp') await run.writeSidecars(format);
  else await run.writeTable(format, path.resolve(out ?? ''));
  return run.report;
}

class ExportRun {
  readonly report: ExportReport = { written: [], skipped: [], failed: [], preview: null };
  readonly #deps: ExportDeps;
  readonly #request: ExportRequest;
  readonly #progress: ExportProgress;
  readonly #signal: AbortSignal | undefined;

  constructor(
    deps: ExportDeps,
    request: ExportRequest,
    progress: ExportProgress,
    signal: AbortSignal | undefined,
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#progress = progress;
    this.#signal = signal;
  }

  async writeTable(format: keyof typeof tableNames, folder: string): Promise<void> {
    const { head, row, tail } = tableText(format, folder, this.#request);
    const parts = [head];
    for await (const file of this.#files()) parts.push(row(file));
    await this.#writeOurs(Buffer.from(path.join(folder, tableNames[format])), [...parts, tail].join(''));
  }

  async writeSidecars(format: 'txt' | 'xmp'): Promise<void> {
    const taken = format === 'txt' ? countStems(photoFilePaths(this.#deps.db)) : new Map<string, number>();
    for await (const file of this.#files()) {
      const target = sidecarPath(file, format, this.#request.out, taken);
      const content = sidecarText(file, format);
      if (content === undefined) this.#skip(target, 'The photo has no caption yet; nothing to write.');
      else await this.#writeOurs(target, content);
    }
  }

  /** What is to be written, as fast as it is taken; here an export is held, cancelled and counted. */
  async *#files(): AsyncGenerator<ExportedFile> {
    const { db } = this.#deps;
    const found = filesToExport(db, this.#request.ids);
    this.#tellMissing(new Set(found.map((file) => file.photoId)));
    this.#progress.phase('export', found.length);
    let done = 0;
    for (let at = 0; at < found.length; at += rowsAtOnce) {
      await turn();
      const ids = found.slice(at, at + rowsAtOnce).map((file) => file.id);
      for (const file of exportedFiles(db, ids)) {
        await this.#progress.pass();
        throwIfAborted(this.#signal);
        yield file;
        this.#progress.done((done += 1));
      }
    }
    throwIfAborted(this.#signal);
  }

  #tellMissing(found: ReadonlySet<number>): void {
    for (const id of new Set(this.#request.ids)) {
      if (found.has(id)) continue;
      const file = photoPath(this.#deps.db, id);
      if (!file) throw new AppError('not-found', `There is no photo ${id} in the library.`);
      this.#skip(file, 'The photo is gone, or was not read yet; index its folder first.');
    }
  }

  #skip(file: Buffer, reason: string): void {
    this.report.skipped.push({ ...pathFields(file), reason });
  }

  /** Writes, or says why not: a file that Iris did not write, or that was changed since, is left alone. */
  async #writeOurs(target: Buffer, content: string): Promise<void> {
    const { report } = this;
    try {
      const ours = sidecarHash(this.#deps.db, target);
      const there = await readFile(target).then(sha256, () => undefined);
      if (there && !(ours && there.equals(ours)))
        this.#skip(
          target,
          ours
            ? 'It was changed since Iris wrote it; left as it is.'
            : 'A file that Iris did not write is there; left as it is.',
        );
      else {
        await this.#put(target, content, there);
        report.written.push(pathFields(target).path);
      }
    } catch (error) {
      report.failed.push({ ...pathFields(target), reason: reasonOf(error) });
    }
  }

  async #put(target: Buffer, content: string, there: Buffer | undefined): Promise<void> {
    const { writer } = this.#deps;
    const folder = folderOf(target);
    // Beside the photos no folder is made: one that is missing lies on a drive that is away.
    const mayMake = this.#request.out !== undefined;
    if (!writer) {
      await requireWritable(folder, mayMake);
      this.report.preview ??= beginning(content);
      return;
    }
    const hash = sha256(content);
    if (there?.equals(hash)) return; // it says so already
    if (mayMake) await mkdir(folder, { recursive: true });
    await writeWhole(target, content, there !== undefined);
    noteSidecar(writer, target, hash);
  }
}

function tableText(
  format: keyof typeof tableNames,
  folder: string,
  { fields }: Pick<ExportRequest, 'fields'>,
): TableText {
  if (format === 'html') return htmlTable(folder);
  return format === 'csv' ? csvTable(fields) : jsonTable(fields);
}

/** Undefined where there is nothing to say. */
function sidecarText(file: ExportedFile, format: 'txt' | 'xmp'): string | undefined {
  if (format === 'txt') return file.caption ? `${file.caption}\n` : undefined;
  return file.caption || file.tags.length > 0 || file.ownRating !== null ? xmpPacket(file) : undefined;
}

/** Throws as writing into the folder would; one that is still to be made asks the one above it. */
async function requireWritable(folder: Buffer, mayMake: boolean): Promise<void> {
  try {
    await access(Buffer.concat([folder, Buffer.from(`${path.sep}.`)]), constants.W_OK);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const above = folderOf(folder);
    if (!missing || !mayMake || above.equals(folder)) throw error;
    await requireWritable(above, true);
  }
}

/** Never half of a character that takes two units. */
function beginning(content: string): string {
  return content.slice(0, previewLength).replace(/[\ud800-\udbff]$/, '');
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
