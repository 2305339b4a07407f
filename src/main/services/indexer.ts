/**
 * Reads what waits: identifies, decodes and embeds files in the index lane, and writes the results.
 *
 * What waits is a query, so a killed run resumes by asking again. Three batches are under way at
 * once: while the model runs on one, the next is decoded and the one after is identified.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import type { FileToRead, IndexLane, PhotoToSee, SeenPhoto } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { forEachBounded } from '../lib/channel.ts';
import { isRawName } from '../lib/image-type.ts';
import type { WriteDb } from '../store/database.ts';
import {
  clearInFlight,
  countDeath,
  inFlight,
  markInFlight,
  noteProblem,
  pendingFiles,
  restamp,
  type PendingFile,
} from '../store/files.ts';
import { adoptFile, knownPixels, savePhoto } from '../store/save-photo.ts';
import { Watchdog } from '../lib/watchdog.ts';

const batchSize = 16;
const batchesAtOnce = 3;
const deathsUntilQuarantine = 2;
const fileSeconds = 15;
/** Files still being written are looked at again this often in one run. */
const passes = 3;
const betweenPassesMs = 500;

export interface IndexerDeps {
  db: WriteDb;
  lane: Lane<IndexLane>;
  /** Version of the model that embeds, null where there is none. */
  model: string | null;
  /** Whether the same model writes captions, from what it sees now. */
  captions: boolean;
}

export interface IndexProgress {
  total(count: number): void;
  done(count: number): void;
  /** Holds while the job is paused. */
  pass(): Promise<void>;
}

export interface IndexOutcome {
  /** How many files became searchable photos. */
  indexed: number;
  /** Files that changed each time while they were read. */
  unfinished: PendingFile[];
}

/** Reads every waiting file of these roots once, and those that were still being written again. */
export async function indexPending(
  deps: IndexerDeps,
  rootIds: readonly number[],
  progress: IndexProgress,
  signal: AbortSignal,
): Promise<IndexOutcome> {
  const run = new IndexRun(deps, progress, signal);
  const waiting = (): PendingFile[] =>
    pendingFiles(deps.db, deps.model, rootIds).filter((file) => !run.seen(file));
  let unfinished = waiting();
  for (let pass = 0; pass < passes && unfinished.length > 0 && !signal.aborted; pass++) {
    if (pass > 0) await delay(betweenPassesMs);
    await run.readAll(unfinished);
    unfinished = waiting();
  }
  return { indexed: run.indexed, unfinished: signal.aborted ? [] : unfinished };
}

class IndexRun {
  indexed = 0;
  readonly #deps: IndexerDeps;
  readonly #progress: IndexProgress;
  readonly #signal: AbortSignal;
  /** Stamp under which each file was settled in this run: a file that changes again is read again. */
  readonly #settled = new Map<number, number>();
  readonly #watchdog: Watchdog;
  #done = 0;

  constructor(deps: IndexerDeps, progress: IndexProgress, signal: AbortSignal) {
    this.#deps = deps;
    this.#progress = progress;
    this.#signal = signal;
    this.#watchdog = new Watchdog(fileSeconds * 1000, () =>
      deps.lane.kill(`A file took longer than ${fileSeconds} s to read.`),
    );
  }

  seen(file: PendingFile): boolean {
    return this.#settled.get(file.id) === file.mtimeUs;
  }

  /** Files that a dead process had open go one by one, so that blame falls on the right one. */
  async readAll(pending: PendingFile[]): Promise<void> {
    this.#progress.total(this.#done + pending.length);
    const marked = inFlight(this.#deps.db);
    const suspects = pending.filter((file) => marked.has(file.id));
    const raws = pending.filter((file) => !marked.has(file.id) && isRawName(file.name));
    const rest = pending.filter((file) => !marked.has(file.id) && !isRawName(file.name));
    const again: PendingFile[] = [];
    try {
      await this.#readOneByOne(suspects);
      await forEachBounded(batches(rest), batchesAtOnce, (batch) => this.#tryBatch(batch, again));
      await forEachBounded(batches(raws), 1, (batch) => this.#tryBatch(batch, again));
      await this.#readOneByOne(again);
    } finally {
      this.#watchdog.stop();
    }
  }

  async #readOneByOne(files: PendingFile[]): Promise<void> {
    for (const file of files) {
      let survived = false;
      while (!survived && !this.#cancelled() && !this.#settled.has(file.id)) {
        survived = await this.#tryBatch([file]);
        if (!survived) this.#blame(file);
      }
    }
  }

  #cancelled(): boolean {
    return this.#signal.aborted;
  }

  #blame(file: PendingFile): void {
    if (countDeath(this.#deps.db, file.id) < deathsUntilQuarantine) return;
    this.#problem(
      file,
      'failed',
      `Reading it stopped the decoder ${deathsUntilQuarantine} times; Iris leaves it alone until it changes.`,
    );
  }

  /** False when the lane died: what was not settled is put into `again`. */
  async #tryBatch(batch: PendingFile[], again?: PendingFile[]): Promise<boolean> {
    await this.#progress.pass();
    if (this.#cancelled()) return true;
    const { db } = this.#deps;
    const ids = batch.map((file) => file.id);
    markInFlight(db, ids);
    try {
      await this.#readBatch(batch);
      clearInFlight(db, ids); // those still being written come again
      return true;
    } catch (error) {
      for (const id of ids) this.#watchdog.end(id); // what the dead process had begun
      this.#watchdog.hold(false);
      if (this.#cancelled()) {
        clearInFlight(db, ids); // a person's wish is no death
        return true;
      }
      if (!(error instanceof AppError && error.code === 'crashed')) throw error;
      again?.push(...batch.filter((file) => !this.#settled.has(file.id)));
      return false;
    }
  }

  async #readBatch(batch: PendingFile[]): Promise<void> {
    const { db, model } = this.#deps;
    const lane = await this.#deps.lane.get();
    const files = new Map(batch.map((file) => [file.id, file]));
    const toSee: PhotoToSee[] = [];
    const hashes = new Map<number, Uint8Array>();
    for (const found of await lane.identify({ files: batch.map(toRead) })) {
      const file = files.get(found.id);
      if (!file) continue;
      if (found.kind !== 'photo') this.#problem(file, found.kind, found.reason);
      else if (adoptFile(db, file, found.hash, model)) this.#settle(file, true);
      else {
        hashes.set(file.id, found.hash);
        toSee.push({ ...toRead(file), knownPixels: knownPixels(db, file, model) });
      }
    }
    for await (const event of lane.process({ files: toSee, model: model !== null }, this.#signal)) {
      if (event.kind === 'photos') this.#save(event.photos, files, hashes);
      else if (event.kind === 'model') this.#watchdog.hold(event.running);
      else if (event.kind === 'started') this.#watchdog.begin(event.id);
      else {
        this.#watchdog.end(event.id);
        const file = files.get(event.id);
        if (event.kind === 'failed' && file) this.#problem(file, 'failed', event.reason);
      }
    }
  }

  #save(photos: SeenPhoto[], files: Map<number, PendingFile>, hashes: Map<number, Uint8Array>): void {
    const { db, model, captions } = this.#deps;
    const saved: PendingFile[] = [];
    db.transaction(() => {
      for (const photo of photos) {
        const file = files.get(photo.id);
        const hash = hashes.get(photo.id);
        if (!file || !hash) continue;
        if (photo.mtimeUs !== file.mtimeUs || photo.size !== file.size) {
          restamp(db, file.id, photo); // still being written: the next pass reads it again
          continue;
        }
        savePhoto(db, { file, hash, photo: captions ? photo : { ...photo, prefix: null }, model });
        saved.push(file);
      }
    });
    for (const file of saved) this.#settle(file, true);
  }

  #problem(file: PendingFile, kind: 'skipped' | 'failed', reason: string): void {
    const { db } = this.#deps;
    db.transaction(() => noteProblem(db, file.id, kind, reason));
    this.#settle(file, false);
  }

  #settle(file: PendingFile, indexed: boolean): void {
    this.#settled.set(file.id, file.mtimeUs);
    this.#done += 1;
    if (indexed) this.indexed += 1;
    this.#progress.done(this.#done);
  }
}

function toRead(file: PendingFile): FileToRead {
  return { id: file.id, path: file.absolute, name: file.name };
}

function* batches(files: PendingFile[]): Generator<PendingFile[]> {
  for (let i = 0; i < files.length; i += batchSize) yield files.slice(i, i + batchSize);
}
