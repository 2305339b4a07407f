/** Search: what the page and the CLI ask, put to the search lane; the best of it may be looked at once more. */
import type { Args, SearchAnswer, SearchHit } from '../../shared/contract.ts';
import { AppError, throwIfAborted } from '../../shared/errors.ts';
import {
  fileAt,
  type Fit,
  type GenerateLane,
  type IndexLane,
  type Likeness,
  type SearchLane,
} from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import type { Preprocess } from '../inference/model.ts';
import { parseQuery } from '../../shared/query.ts';
import { photoPath } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';

export interface SearchDeps {
  db: ReadDb;
  searching: Lane<SearchLane>;
  index: Lane<IndexLane>;
}

const defaultLimit = 50;
/** Photos that a slower model looks at again: about what a person looks at. */
const rerankDepth = 24;
/** From this probability of a match on a hit is likely. */
const likelyMatch = 0.5;
/** Below it, words do not fit at all; keeps scores above those that were not looked at. */
const leastLikelihood = 1e-5;

export async function search(
  { searching }: SearchDeps,
  { query, filter, limit = defaultLimit }: Args<'search'>,
): Promise<SearchAnswer> {
  const answer = await (await searching.get()).search({ query: query.trim(), filter, limit });
  return { ...answer, query };
}

/** A model that tells how well a text fits a photo, and how far it is. */
export interface Judge {
  lane: Lane<GenerateLane>;
  preprocess: Preprocess;
  /** What a likelihood's logarithm counts beside the cosine of the search, where both are of one model that says so. */
  blend?: number | undefined;
  progress: { phase(phase: 'match', total: number): void; done(photos: number): void; pass(): Promise<void> };
}

/**
 * The same, after a look at each of the best: they come first, by how well the query's words fit them, and score more
 * than one. A photo that cannot be read now stays behind them, where the search had it.
 */
export async function searchTwice(
  deps: SearchDeps,
  { limit = defaultLimit, ...args }: Args<'search'>,
  { lane, preprocess, blend, progress }: Judge,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const answer = await search(deps, { ...args, limit: Math.max(limit, rerankDepth) });
  const { text } = parseQuery(args.query);
  if (text === '') return { ...answer, hits: answer.hits.slice(0, limit) };
  const looked = answer.hits.slice(0, rerankDepth);
  progress.phase('match', looked.length);
  const judged: SearchHit[] = [];
  for (const [at, hit] of looked.entries()) {
    await progress.pass();
    throwIfAborted(signal);
    const pixels = await pixelsOf(deps, hit.photo.id, preprocess);
    if (pixels)
      judged.push(fitted(hit, await (await lane.get()).fit({ look: { pixels }, text }, signal), blend));
    progress.done(at + 1);
  }
  judged.sort((a, b) => b.score - a.score);
  const known = new Set(judged.map(({ photo }) => photo.id));
  const others = answer.hits.filter(({ photo }) => !known.has(photo.id));
  return { ...answer, hits: [...judged, ...others].slice(0, limit) };
}

function fitted(hit: SearchHit, { by, value }: Fit, blend?: number): SearchHit {
  const why = [{ kind: 'match' as const, detail: value.toFixed(3) }, ...hit.why];
  const blended = by === 'likelihood' && blend !== undefined;
  const score = blended ? 2 + cosineOf(hit) + blend * Math.log(Math.max(value, leastLikelihood)) : 1 + value;
  // How likely words are says which photo they fit better, and of none whether they do.
  return { ...hit, why, score, likely: by === 'match' ? value >= likelyMatch : hit.likely };
}

/** As the search says it of how the photo looks; of one found by its words alone, that of no likeness. */
function cosineOf({ why }: SearchHit): number {
  return Number(why.find(({ kind }) => kind === 'looks')?.detail ?? 0);
}

async function pixelsOf(
  { db, index }: SearchDeps,
  photoId: number,
  preprocess: Preprocess,
): Promise<Uint8Array | undefined> {
  const path = photoPath(db, photoId);
  if (!path) return undefined;
  try {
    return await (await index.get()).pixels({ file: fileAt(path), preprocess });
  } catch (error) {
    if (error instanceof AppError && error.code === 'unreadable') return undefined;
    throw error;
  }
}

/** Photos that look like one of the library, or like a picture that was brought along. */
export async function similar(
  { db, searching, index }: SearchDeps,
  { to, filter, limit = defaultLimit }: Args<'similar'>,
): Promise<SearchAnswer> {
  if ('id' in to && photoPath(db, to.id) === undefined)
    throw new AppError('not-found', `There is no photo ${to.id} in the library.`);
  const likeness: Likeness = 'id' in to ? to : { vector: await vectorOf(index, to.image) };
  return await (await searching.get()).similar({ to: likeness, filter, limit });
}

async function vectorOf(index: Lane<IndexLane>, base64: string): Promise<Uint8Array> {
  return await (await index.get()).embed({ image: Buffer.from(base64, 'base64') });
}
