/** Which photos a filter lets through, as SQL. */
import type { Filter } from '../../shared/contract.ts';
import type { ReadDb, Value } from './database.ts';
import { remembered } from './memo.ts';

/** Part of a WHERE clause with the values of its `?`, in their order. */
export interface Condition {
  sql: string;
  values: Value[];
}

/** What a filter asks of a photo's files, of its tags, and of what was read from it. */
export interface Selection {
  /** Over the photo's id as the expression `id`; photos without a file that is there never pass. */
  files: (id: string) => Condition;
  /** Over the row `m` of cache.metadata, or null where the filter asks nothing of it. */
  facts: Condition | null;
}

/** A filter taken apart. A photo that waits to be read (again) passes none that asks for facts. */
export function selection(db: ReadDb, filter: Filter): Selection {
  const facts = factConditions(filter);
  return {
    files: (id) => all([fileCondition(db, filter, id), ...tagCondition(filter, id)]),
    facts: facts.length > 0 ? all(facts) : null,
  };
}

/** The index with all facts, named because the planner mistakes a shorter one for cheaper. */
export const factsIndexed = 'cache.metadata m INDEXED BY metadata_browse';

/** Ids of all photos that pass, in no order; kept while nothing changes, so not to be changed. */
export function photoIds(db: ReadDb, filter: Filter): number[] {
  return remembered(db, `ids ${JSON.stringify(filter)}`, () => {
    const { files, facts } = selection(db, filter);
    // Each form reads an index only: facts lie in one that covers them, the rest needs no facts.
    const [from, id] = facts ? [factsIndexed, 'm.photo_id'] : ['photo p', 'p.id'];
    const { sql, values } = all([...(facts ? [facts] : []), files(id)]);
    const row = db.get<{ ids: string }>(
      `SELECT json_group_array(${id}) AS ids FROM ${from} WHERE ${sql}`,
      ...values,
    );
    return row ? (JSON.parse(row.ids) as number[]) : [];
  });
}

export function all(conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(' AND '),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** The planner takes a partial index only where its condition stands in the query. */
export const shownFile = 'f.present = 1 AND f.photo_id IS NOT NULL';

/** Conditions on a file `f`: that it is there, its root, and its folder or one above it. */
export function placeCondition({ root, folder }: Filter): Condition {
  const conditions: Condition[] = [{ sql: shownFile, values: [] }];
  if (root !== undefined) conditions.push({ sql: 'f.root_id = ?', values: [root] });
  // '0' is the character after '/': a range, which an index can answer and no wildcard can disturb.
  if (folder !== undefined && folder !== '')
    conditions.push({
      sql: 'f.folder = ? OR (f.folder > ? AND f.folder < ?)',
      values: [folder, `${folder}/`, `${folder}0`],
    });
  return all(conditions);
}

/** Up to so many photos without a file that is there are left out by name. */
const namedAtMost = 5000;

/**
 * That a photo, by its id as the expression `id`, has a file that is there. Nearly all have one: to name those
 * that have none takes a tenth of the time that looking up the files of each of 100,000 photos takes.
 */
export function isShown(db: ReadDb, id: string): Condition {
  const hidden = hiddenIds(db);
  if (hidden.length > namedAtMost)
    return { sql: `EXISTS (SELECT 1 FROM file f WHERE f.photo_id = ${id} AND ${shownFile})`, values: [] };
  return { sql: `${id} NOT IN (SELECT value FROM json_each(?))`, values: [JSON.stringify(hidden)] };
}

/** Ids without a file that is there, among all that photos and what was read of them have. */
function hiddenIds(db: ReadDb): readonly number[] {
  return remembered(db, 'hidden', () => {
    const row = db.get<{ shown: string; last: number }>(
      `SELECT (SELECT json_group_array(f.photo_id) FROM file f WHERE ${shownFile}) AS shown,
         max((SELECT coalesce(max(id), 0) FROM photo), (SELECT coalesce(max(photo_id), 0) FROM cache.metadata)) AS last`,
    );
    const isHidden = new Uint8Array((row?.last ?? 0) + 1).fill(1, 1);
    for (const id of JSON.parse(row?.shown ?? '[]') as number[]) isHidden[id] = 0;
    const hidden: number[] = [];
    for (let id = isHidden.indexOf(1); id >= 0; id = isHidden.indexOf(1, id + 1)) hidden.push(id);
    return hidden;
  });
}

function fileCondition(db: ReadDb, filter: Filter, id: string): Condition {
  if (filter.root === undefined && !filter.folder) return isShown(db, id);
  const { sql, values } = placeCondition(filter);
  const narrow = filter.folder !== undefined && filter.folder !== '';
  return narrow
    ? { sql: `${id} IN (SELECT f.photo_id FROM file f WHERE ${sql})`, values }
    : { sql: `EXISTS (SELECT 1 FROM file f WHERE f.photo_id = ${id} AND ${sql})`, values };
}

function tagCondition({ tag }: Filter, id: string): Condition[] {
  if (tag === undefined) return [];
  return [
    { sql: `${id} IN (SELECT t.photo_id FROM tag t WHERE t.name = ?)`, values: [tag.normalize('NFC')] },
  ];
}

function factConditions(filter: Filter): Condition[] {
  const { from, to, camera, format, located, captioned, rating } = filter;
  const conditions: Condition[] = [];
  const add = (sql: string, ...values: Value[]): void => void conditions.push({ sql, values });
  if (from !== undefined) add('m.taken_at >= ?', from);
  if (to !== undefined) add('m.taken_at < ?', `${to}U`); // after any `T` and time of that day
  if (camera !== undefined) add('m.camera = ?', camera);
  if (format !== undefined) add('m.format = ?', format);
  if (located !== undefined) add(`m.latitude IS ${located ? 'NOT ' : ''}NULL`);
  if (captioned !== undefined) add('m.captioned = ?', captioned ? 1 : 0);
  if (rating !== undefined) add('m.stars >= ?', rating);
  return conditions;
}
