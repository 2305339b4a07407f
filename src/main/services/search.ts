/** Search: asks the search lane and dresses its hits with what the page and the CLI show. */
import type { SearchAnswer } from '../../shared/contract.ts';
import type { SearchLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { pathFields } from '../lib/paths.ts';
import { counts, photoPath, summaries } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';

const defaultLimit = 50;

export async function search(
  db: ReadDb,
  lane: Lane<SearchLane>,
  model: string | null,
  query: string,
  limit = defaultLimit,
): Promise<SearchAnswer> {
  const trimmed = query.trim();
  const { photos, searchable } = counts(db, model);
  const { hits } = trimmed ? await (await lane.get()).search({ query: trimmed, limit }) : { hits: [] };
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
