/** Search: asks the search lane and dresses its hits with what the page and the CLI show. */
import type { Args, SearchAnswer } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { Found, IndexLane, Likeness, SearchLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { pathFields } from '../lib/paths.ts';
import { counts, photoPath, summaries } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';

export interface SearchDeps {
  db: ReadDb;
  searching: Lane<SearchLane>;
  index: Lane<IndexLane>;
  /** Version of the model in use. */
  model: string | null;
}

const defaultLimit = 50;

export async function search(
  deps: SearchDeps,
  { query, filter, limit = defaultLimit }: Args<'search'>,
): Promise<SearchAnswer> {
  const trimmed = query.trim();
  if (!trimmed) return dressed(deps, query, []);
  const lane = await deps.searching.get();
  const { hits } = await lane.search({ query: trimmed, filter, limit });
  return dressed(deps, query, hits);
}

/** Photos that look like one of the library, or like a picture that was brought along. */
export async function similar(
  deps: SearchDeps,
  { to, filter, limit = defaultLimit }: Args<'similar'>,
): Promise<SearchAnswer> {
  if ('id' in to && photoPath(deps.db, to.id) === undefined)
    throw new AppError('not-found', `There is no photo ${to.id} in the library.`);
  const likeness: Likeness = 'id' in to ? to : { vector: await vectorOf(deps, to.image) };
  const lane = await deps.searching.get();
  const { hits } = await lane.similar({ to: likeness, filter, limit });
  return dressed(deps, '', hits);
}

async function vectorOf({ index }: SearchDeps, base64: string): Promise<Uint8Array> {
  const lane = await index.get();
  return await lane.embed({ image: Buffer.from(base64, 'base64') });
}

function dressed({ db, model }: SearchDeps, query: string, hits: Found['hits']): SearchAnswer {
  const { photos, searchable } = counts(db, model);
  const shown = summaries(
    db,
    hits.map((hit) => hit.photoId),
  );
  return {
    query,
    searchable,
    waiting: photos - searchable,
    hits: hits.flatMap(({ photoId, score, why, likely }) => {
      const photo = shown.get(photoId);
      const path = photoPath(db, photoId);
      return photo && path ? [{ photo, ...pathFields(path), score, why, likely }] : [];
    }),
  };
}
