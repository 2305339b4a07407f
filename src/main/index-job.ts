/** The indexing job: scan, then everything searchable, then captions; its report is what the CLI prints. */
import type { FileReason, IndexReport } from '../shared/contract.ts';
import type { Lanes } from './compute/lanes.ts';
import { pathFields } from './lib/paths.ts';
import type { WriteDb } from './store/database.ts';
import { countPhotoFiles, problems } from './store/files.ts';
import { retryFailed } from './store/problems.ts';
import { countUncaptioned } from './store/results.ts';
import { captionPending } from './services/captions.ts';
import { indexPending, type IndexOutcome } from './services/indexer.ts';
import type { Progress } from './services/jobs.ts';
import { checkOnline, scan, type ScanResult, type Target } from './services/library.ts';
import type { Usable } from './services/models.ts';

export interface IndexJob {
  db: WriteDb;
  lanes: Lanes;
  /** The model that looks at photos, and the one that writes captions; null where there is none. */
  model: Usable | null;
  writer: Usable | null;
  /** A model that looks as well, though another searches; null for none. */
  also: Usable | null;
  captions: boolean;
  /** Reads what failed before once more. */
  retry: boolean;
  /** Missing files were deleted on purpose. */
  accept: boolean;
  targets: Target[];
  /** Photos went or came back. */
  onPresence: () => Promise<void>;
  /** What could be read has been looked at. */
  onIndexed: () => Promise<void>;
}

export async function runIndex(job: IndexJob, progress: Progress, signal: AbortSignal): Promise<IndexReport> {
  const started = performance.now();
  const { db, lanes, model, writer } = job;
  const scanned = await scanAll(job, progress, signal);
  const rootIds = [...new Set(job.targets.map(({ root }) => root.id))];
  if (job.retry) retryFailed(db, rootIds);
  const phase = {
    total: (count: number): void => progress.phase('index', count),
    done: (count: number): void => progress.done(count),
    pass: () => progress.pass(),
  };
  const lookWith = (model: Usable | null): Promise<IndexOutcome> => {
    const version = model?.version ?? null;
    const deps = { db, lane: lanes.index(model), model: version, captions: writer?.version === version };
    return indexPending(deps, rootIds, phase, signal);
  };
  const indexed = await lookWith(model);
  if (job.also) indexed.indexed = Math.max(indexed.indexed, (await lookWith(job.also)).indexed);
  if (scanned.some((result) => result.presenceChanged)) await job.onPresence();
  await progress.pass();
  await job.onIndexed();
  await writeCaptions(job, progress, signal);
  return report(job, rootIds, scanned, indexed, (performance.now() - started) / 1000);
}

async function scanAll(job: IndexJob, progress: Progress, signal: AbortSignal): Promise<ScanResult[]> {
  progress.phase('scan', 0);
  const results: ScanResult[] = [];
  let before = 0;
  for (const target of job.targets) {
    if (!(await checkOnline(job.db, target.root))) {
      const path = Buffer.from(target.root.path);
      results.push({
        problems: [{ kind: 'failed', path, reason: 'This folder is offline; its photos are kept.' }],
        presenceChanged: false,
      });
      continue;
    }
    let seen = before;
    const onFiles = async (count: number): Promise<void> => {
      progress.done((seen = before + count));
      await progress.pass();
    };
    results.push(await scan(job.db, target, { onFiles, accept: job.accept }, signal));
    before = seen;
  }
  return results;
}

async function writeCaptions(job: IndexJob, progress: Progress, signal: AbortSignal): Promise<void> {
  const { db, lanes, model, writer } = job;
  if (!job.captions || !writer || signal.aborted) return;
  const waiting = countUncaptioned(db);
  if (waiting === 0) return;
  progress.phase('caption', waiting);
  const deps = { db, index: lanes.index(model), generate: lanes.generate(writer), model: writer };
  await captionPending(deps, progress, signal);
}

function report(
  job: IndexJob,
  rootIds: number[],
  scanned: ScanResult[],
  { indexed, unfinished }: IndexOutcome,
  seconds: number,
): IndexReport {
  const photos = countPhotoFiles(job.db, rootIds);
  const settled = problems(job.db, rootIds).map(({ kind, absolute, reason }) => ({
    kind,
    path: absolute,
    reason,
  }));
  const changing = unfinished.map(({ absolute }) => ({
    kind: 'failed' as const,
    path: absolute,
    reason: 'It changed while it was read; index again when it is written.',
  }));
  const all = [...scanned.flatMap((result) => result.problems), ...settled, ...changing];
  const of = (kind: 'skipped' | 'failed'): FileReason[] =>
    all
      .filter((problem) => problem.kind === kind)
      .map(({ path, reason }) => ({ ...pathFields(path), reason }));
  return {
    photos,
    indexed,
    unchanged: photos - indexed,
    skipped: of('skipped'),
    failed: of('failed'),
    seconds: Math.round(seconds * 100) / 100,
  };
}
