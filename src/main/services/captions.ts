/** Captions for every photo that has none, in the background, giving way to a person's questions. */
import { AppError } from '../../shared/errors.ts';
import { fileAt, type GenerateLane, type IndexLane, type Look } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import type { Preprocess } from '../inference/model.ts';
import { log } from '../lib/log.ts';
import { photoPath } from '../store/browse.ts';
import type { WriteDb } from '../store/database.ts';
import { saveModelCaption, uncaptioned, type Uncaptioned } from '../store/results.ts';
import { indexWords } from '../store/texts.ts';

const batchSize = 8;
const triesForOne = 2;

export interface CaptionDeps {
  db: WriteDb;
  generate: Lane<GenerateLane>;
  index: Lane<IndexLane>;
  /** The model that writes. */
  model: { version: string; manifest: { preprocess: Preprocess } };
}

export interface CaptionProgress {
  done(count: number): void;
  /** Holds while the job is paused. */
  pass(): Promise<void>;
}

/** Captions what has none; a photo on which the model fails is passed over until the next run. */
export async function captionPending(
  deps: CaptionDeps,
  progress: CaptionProgress,
  signal: AbortSignal,
): Promise<void> {
  let after = 0;
  let done = 0;
  for (;;) {
    await progress.pass();
    if (signal.aborted) return;
    const batch = uncaptioned(deps.db, deps.model.version, after, batchSize);
    const last = batch.at(-1);
    if (!last) return;
    await captionBatch(deps, batch, signal);
    after = last.photoId;
    progress.done((done += batch.length));
  }
}

/** The whole batch at once, or, after a failure, one by one. */
async function captionBatch(deps: CaptionDeps, batch: Uncaptioned[], signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < triesForOne && !signal.aborted; tries++) {
    try {
      await write(deps, batch);
      return;
    } catch (error) {
      if (error instanceof AppError && error.code === 'model') throw error;
      log.warn(`captions: ${String(error)}`);
      if (batch.length > 1) {
        for (const photo of batch) await captionBatch(deps, [photo], signal);
        return;
      }
    }
  }
}

async function write({ db, generate, index, model }: CaptionDeps, batch: Uncaptioned[]): Promise<void> {
  const looks = await Promise.all(batch.map((photo) => look({ db, index, model }, photo)));
  const results = await (await generate.get()).captions({ looks });
  db.transaction(() => {
    batch.forEach(({ photoId }, i) => {
      const result = results[i];
      if (!result) return;
      const { text, confidence } = result;
      saveModelCaption(db, photoId, { model: model.version, prompt: '', text, confidence });
      indexWords(db, photoId);
    });
  });
}

/** What was kept from indexing, or the photo decoded again. */
async function look(
  { db, index, model }: Pick<CaptionDeps, 'db' | 'index' | 'model'>,
  photo: Uncaptioned,
): Promise<Look> {
  if (photo.prefix) return { prefix: photo.prefix, vector: photo.vector ?? undefined };
  const path = photoPath(db, photo.photoId);
  if (!path) throw new AppError('not-found', `Photo ${photo.photoId} has no file.`);
  const { preprocess } = model.manifest;
  const file = fileAt(path, photo.photoId);
  return { pixels: await (await index.get()).pixels({ file, preprocess }) };
}
