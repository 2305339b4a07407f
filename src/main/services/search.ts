/** Search: what the page and the CLI ask, put to the search lane, which answers it whole. */
import type { Args, SearchAnswer } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { IndexLane, Likeness, SearchLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { photoPath } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';

export interface SearchDeps {
  db: ReadDb;
  searching: Lane<SearchLane>;
  index: Lane<IndexLane>;
}

const defaultLimit = 50;

export async function search(
  { searching }: SearchDeps,
  { query, filter, limit = defaultLimit }: Args<'search'>,
): Promise<SearchAnswer> {
  const answer = await (await searching.get()).search({ query: query.trim(), filter, limit });
  return { ...answer, query };
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
