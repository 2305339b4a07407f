/**
 * Which of two models finds better what a person searches for.
 *
 * The test set is theirs: saved searches, and the photos that they said are right or wrong for some words. Ranked
 * is by looks alone, since captions and names are the same whichever model searches.
 */
import type { Comparison, Filter, ModelInfo, RecallAt } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { SearchLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { meanOf, recallAt, signTest, surely } from '../lib/recall.ts';
import type { ReadDb } from '../store/database.ts';
import { judged, judgedQueries, searches } from '../store/decisions.ts';
import { photoIds } from '../store/filter.ts';
import { unseen } from '../store/results.ts';

export interface Side extends Pick<ModelInfo, 'id' | 'name' | 'version'> {
  searching: Lane<SearchLane>;
  /** Whether it is told when photos go or come back; else its rows are read anew. */
  serving: boolean;
}

const places: readonly RecallAt[] = [1, 5, 10];
const depth = 10;

/** One search of the test set: what is right for it, what is wrong, and the first ten of each model. */
interface Trial {
  query: string;
  right: Set<number>;
  wrong: Set<number>;
  found: number[][];
}

/** Throws AppError('model') where one of the models has not looked at every photo. */
export async function compareModels(db: ReadDb, sides: readonly [Side, Side]): Promise<Comparison> {
  for (const side of sides) requireWhole(db, side);
  for (const { searching, serving } of sides)
    if (!serving) await (await searching.get()).refresh({ rebuild: true });
  const trials: Trial[] = [];
  for (const { query, filter } of questions(db)) {
    const found: number[][] = [];
    for (const { searching } of sides)
      found.push(await (await searching.get()).looks({ query, filter, limit: depth }));
    trials.push({ query, ...verdicts(db, query, filter), found });
  }
  return { ...counted(trials), ...measured(trials, sides) };
}

/** Saved searches, then other words that were judged; a photo must pass the filter of a search that was saved with one. */
function questions(db: ReadDb): { query: string; filter: Filter }[] {
  const saved = searches(db).filter(({ query }) => query.trim() !== '');
  const known = new Set(saved.map(({ query }) => query.replaceAll(/\s+/g, ' ').trim()));
  const others = judgedQueries(db).filter((query) => !known.has(query));
  return [...saved, ...others.map((query) => ({ query, filter: {} }))];
}

function verdicts(db: ReadDb, query: string, filter: Filter): Pick<Trial, 'right' | 'wrong'> {
  const there = new Set(photoIds(db, filter));
  const said = [...judged(db, query)].filter(([id]) => there.has(id));
  const of = (good: boolean): Set<number> =>
    new Set(said.filter(([, one]) => one === good).map(([id]) => id));
  return { right: of(true), wrong: of(false) };
}

function requireWhole(db: ReadDb, { id, name, version }: Side): void {
  const waiting = unseen(db, version);
  if (waiting.unseen === 0) return;
  throw new AppError(
    'model',
    `${name} has looked at ${waiting.photos - waiting.unseen} of ${waiting.photos} photos, and is compared over all of them. ` +
      `Let it look at the rest first: "iris index --model ${id} FOLDER", or --build here; the other model goes on searching.`,
  );
}

function counted(
  trials: readonly Trial[],
): Pick<Comparison, 'searches' | 'photos' | 'refused' | 'unjudged' | 'alike'> {
  const sum = (of: (trial: Trial) => number): number => trials.reduce((total, one) => total + of(one), 0);
  const shared = trials.map(({ found: [a = [], b = []] }) =>
    a.length + b.length === 0 ? 1 : a.filter((id) => b.includes(id)).length / Math.max(a.length, b.length),
  );
  return {
    searches: trials.filter(({ right }) => right.size > 0).length,
    photos: sum(({ right }) => right.size),
    refused: sum(({ wrong }) => wrong.size),
    unjudged: trials.filter(({ right, wrong }) => right.size + wrong.size === 0).length,
    alike: trials.length === 0 ? null : meanOf(shared),
  };
}

function measured(
  trials: readonly Trial[],
  sides: readonly Side[],
): Pick<Comparison, 'models' | 'better' | 'wins' | 'p' | 'each'> {
  const asked = trials.filter(({ right }) => right.size > 0);
  const recall = (at: number, k: number): number[] =>
    asked.map(({ found, right }) => recallAt(found[at] ?? [], right, k));
  const models = sides.map(({ id, name }, at) => {
    const means = places.map((k) => [k, meanOf(recall(at, k))] as const);
    const wrong = trials.reduce((sum, one) => sum + among(one.found[at] ?? [], one.wrong), 0);
    const told = Object.fromEntries(means) as Record<RecallAt, number>;
    return { id, name, recall: asked.length > 0 ? told : null, wrong };
  });
  // Of one search, all places count: a photo that moves from the sixth to the first place is found better.
  const scores = [0, 1].map((at) =>
    asked.map((_, one) => meanOf(places.map((k) => recall(at, k)[one] ?? 0))),
  );
  const better = (a: number, b: number): number =>
    asked.filter((_, one) => (scores[a]?.[one] ?? 0) > (scores[b]?.[one] ?? 0)).length;
  const wins: [number, number] = [better(0, 1), better(1, 0)];
  const p = signTest(...wins);
  const winner = sides[wins[0] > wins[1] ? 0 : 1]?.id ?? null;
  const each = asked.map(({ query, right, found }) => {
    const of = (at: number): number => recallAt(found[at] ?? [], right, depth);
    return { query, photos: right.size, recall: [of(0), of(1)] as [number, number] };
  });
  return { models, better: p < surely ? winner : null, wins, p, each };
}

const among = (found: readonly number[], wanted: ReadonlySet<number>): number =>
  found.filter((id) => wanted.has(id)).length;
