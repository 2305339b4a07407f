/** The indexing job: scan, then everything searchable, then captions; its report is what the CLI prints. */
import type { FileReason, IndexReport } from '../shared/contract.ts';
import type { GenerateLane, IndexLane, SearchLane } from './compute/messages.ts';
import type { Lane } from './compute/supervisor.ts';
import { pathFields } from './lib/paths.ts';
import type { WriteDb } from './store/database.ts';
import { countPhotoFiles, problems } from './store/files.ts';
import { retryFailed } from './store/problems.ts';
import { countUncaptioned } from './store/results.ts';
import { captionPending } from './services/captions.ts';
import { indexPending, type IndexOutcome } from './services/indexer.ts';
import type { Progress } from './services/jobs.ts';
import { checkOnline, scan, type ScanResult, type Target } from './services/library.ts';
import type { ChosenModel } from './services/models.ts';

export interface IndexJob {
  db: WriteDb;
  index: Lane<IndexLane>;
  generate: Lane<GenerateLane>;
  search: Lane<SearchLane>;
  model: ChosenModel | null;
  captions: boolean;
  /** Reads what failed before once more. */
  retry: boolean;
  /** Missing files were deleted on purpose. */
  accept: boolean;
  targets: Target[];
}

export async function runIndex(job: IndexJob, progress: Progress, signal: AbortSignal): Promise<IndexReport> {
  const started = performance.now();
  const { db, model } = job;
  const scanned = await scanAll(job, progress, signal);
  const rootIds = [...new Set(job.targets.map(({ root }) => root.id))];
  if (job.retry) retryFailed(db, rootIds);
  const deps = { db, lane: job.index, model: model?.info.version ?? null };
  const phase = {
    total: (count: number): void => progress.phase('index', count),
    done: (count: number): void => progress.done(count),
    pass: () => progress.pass(),
  };
  const indexed = await indexPending(deps, rootIds, phase, signal);
  if (scanned.some((result) => result.presenceChanged))
    await (await job.search.get()).refresh({ rebuild: true });
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
  if (!job.captions || !job.model?.info.can.includes('caption') || signal.aborted) return;
  const { db, index, generate, model } = job;
  const waiting = countUncaptioned(db, model.info.version);
  if (waiting === 0) return;
  progress.phase('caption', waiting);
  await captionPending({ db, index, generate, model: model.info.version }, progress, signal);
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
