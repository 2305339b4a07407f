/** Photos in order: the ids of a whole filtered and sorted library, and the rows of one page of it. */
import type { Filter, PhotoSummary, Sort } from '../../shared/contract.ts';
import { shapeOf } from '../../shared/shapes.ts';
import { summaries } from './browse.ts';
import type { ReadDb } from './database.ts';
import { all, factsIndexed, selection, shownFile, type Condition, type Selection } from './filter.ts';
import { remembered } from './memo.ts';

export interface PageOf extends Filter {
  sort?: Sort | undefined;
  offset: number;
  limit: number;
}

/** A page of the photos that pass the filter, with how many pass in all. */
export function photosPage(db: ReadDb, page: PageOf): { total: number; photos: PhotoSummary[] } {
  const { sort = 'newest', offset, limit, ...filter } = page;
  const ids = orderedIds(db, filter, sort);
  const shown = ids.slice(offset, offset + limit);
  const rows = summaries(db, shown);
  return { total: ids.length, photos: shown.flatMap((id) => rows.get(id) ?? []) };
}

/**
 * [Note: pages by ids] A page deep in 100,000 photos costs SQLite as much as all ids in that order
 * (every row before it is stepped over), so all are asked for once and kept while nothing changes.
 */
export function orderedIds(db: ReadDb, filter: Filter, sort: Sort): readonly number[] {
  return remembered(db, `ids ${sort} ${JSON.stringify(filter)}`, () => {
    const chosen = selection(db, filter);
    if (sort === 'name') return idsOf(db, byName(chosen));
    if (sort === 'added') return idsOf(db, byAge(chosen));
    const read = idsOf(db, byFacts(chosen, sort));
    return chosen.facts ? read : [...read, ...waitingIds(db, filter)];
  });
}

/** The shape of each photo of `orderedIds`, a byte each, in base64. */
export function shapes(
  db: ReadDb,
  { sort = 'newest', ...filter }: Filter & { sort?: Sort | undefined },
): string {
  const known = remembered(db, 'shapes', () => shapesById(db));
  return Buffer.from(orderedIds(db, filter, sort).map((id) => known[id] ?? 0)).toString('base64');
}

function shapesById(db: ReadDb): Uint8Array {
  // Three lists of numbers: one of a hundred thousand triples takes twice as long to read.
  const row = db.get<{ ids: string; widths: string; heights: string; last: number }>(
    `SELECT json_group_array(photo_id) AS ids, json_group_array(width) AS widths,
       json_group_array(height) AS heights, max(photo_id) AS last FROM cache.metadata INDEXED BY metadata_size`,
  );
  const [ids, widths, heights] = [row?.ids, row?.widths, row?.heights].map(
    (list) => JSON.parse(list ?? '[]') as number[],
  ) as [number[], number[], number[]];
  const shapes = new Uint8Array((row?.last ?? 0) + 1);
  ids.forEach((id, at) => (shapes[id] = shapeOf(widths[at] ?? 0, heights[at] ?? 0)));
  return shapes;
}

/** Photos that pass but have nothing read of them yet, as after the cache was lost; the newest first. */
export function waitingIds(db: ReadDb, filter: Filter): number[] {
  const { files, facts } = selection(db, filter);
  const unread = db.get<{ n: number }>(
    'SELECT (SELECT count(*) FROM photo) - (SELECT count(*) FROM cache.metadata) AS n',
  );
  if (facts || (unread?.n ?? 0) <= 0) return [];
  const { sql, values } = files('p.id');
  return idsOf(db, {
    sql: `SELECT p.id FROM photo p WHERE ${sql}
      AND NOT EXISTS (SELECT 1 FROM cache.metadata m WHERE m.photo_id = p.id) ORDER BY p.id DESC`,
    values,
  });
}

/** All ids of a query as one text: a hundred thousand rows one by one would take far longer. */
function idsOf(db: ReadDb, { sql, values }: Condition): number[] {
  const row = db.get<{ ids: string }>(`SELECT json_group_array(id) AS ids FROM (${sql})`, ...values);
  return row ? (JSON.parse(row.ids) as number[]) : [];
}

const factOrders = {
  newest: 'm.taken_at DESC, m.photo_id DESC',
  oldest: 'm.taken_at, m.photo_id',
  rating: 'm.stars DESC, m.taken_at DESC, m.photo_id DESC',
} as const;

function byFacts({ files, facts }: Selection, sort: keyof typeof factOrders): Condition {
  const from = sort === 'rating' && !facts ? 'cache.metadata m INDEXED BY metadata_stars' : factsIndexed;
  const { sql, values } = all([...(facts ? [facts] : []), files('m.photo_id')]);
  return { sql: `SELECT m.photo_id AS id FROM ${from} WHERE ${sql} ORDER BY ${factOrders[sort]}`, values };
}

/** By the name that is shown: that of the photo's first file that is there. */
function byName(chosen: Selection): Condition {
  const { sql, values } = passing(chosen, 'n.photo_id');
  return {
    sql: `SELECT n.photo_id AS id FROM file n INDEXED BY file_name
      WHERE n.present = 1 AND n.photo_id IS NOT NULL
        AND n.id IN (SELECT min(f.id) FROM file f WHERE ${shownFile} GROUP BY f.photo_id) AND ${sql}
      ORDER BY n.name COLLATE NOCASE, n.photo_id`,
    values,
  };
}

function byAge(chosen: Selection): Condition {
  const { sql, values } = passing(chosen, 'p.id');
  return { sql: `SELECT p.id FROM photo p WHERE ${sql} ORDER BY p.id DESC`, values };
}

/** The whole selection over an id, for queries that do not read the facts themselves. */
export function passing({ files, facts }: Selection, id: string): Condition {
  if (!facts) return files(id);
  const read = `${id} IN (SELECT m.photo_id FROM ${factsIndexed} WHERE ${facts.sql})`;
  return all([{ sql: read, values: facts.values }, files(id)]);
}
