/** The library at a glance: photos by day, by what they share, and by place. */
import type { Day, Facet, Facets, Filter, Place } from '../../shared/contract.ts';
import type { ReadDb } from './database.ts';
import { all, factsIndexed, selection, type Condition } from './filter.ts';
import { remembered } from './memo.ts';
import { passing, waitingIds } from './pages.ts';

const mostPlaces = 5000;

/** Photos of each day, in the order of the page: newest first, those without a date last. */
export function timeline(db: ReadDb, filter: Filter): Day[] {
  return remembered(db, `timeline ${JSON.stringify(filter)}`, () => {
    const { sql, values } = read(db, filter);
    const days = db.all<Day>(
      `SELECT substr(m.taken_at, 1, 10) AS day, count(*) AS photos FROM ${factsIndexed}
       WHERE ${sql} GROUP BY 1 ORDER BY 1 DESC`,
      ...values,
    );
    const waiting = waitingIds(db, filter).length;
    const undated = days.at(-1)?.day === '' ? (days.pop()?.photos ?? 0) : 0;
    return waiting + undated > 0 ? [...days, { day: '', photos: waiting + undated }] : days;
  });
}

interface Shared {
  year: string;
  camera: string | null;
  format: string | null;
  located: number;
  captioned: number;
  stars: number;
  photos: number;
}

/** What the photos that pass share. One pass counts each combination; they are few, and added up here. */
export function facets(db: ReadDb, filter: Filter): Facets {
  return remembered(db, `facets ${JSON.stringify(filter)}`, () => {
    const { sql, values } = read(db, filter);
    const rows = db.all<Shared>(
      `SELECT substr(m.taken_at, 1, 4) AS year, m.camera, m.format, m.latitude IS NOT NULL AS located,
         m.captioned, m.stars, count(*) AS photos FROM ${factsIndexed} WHERE ${sql}
       GROUP BY 1, 2, 3, 4, 5, 6`,
      ...values,
    );
    const sum = (of: (row: Shared) => boolean): number =>
      rows.reduce((total, row) => total + (of(row) ? row.photos : 0), 0);
    return {
      years: shared(rows, (row) => row.year),
      cameras: shared(rows, (row) => row.camera),
      formats: shared(rows, (row) => row.format),
      tags: tags(db, filter),
      ratings: [1, 2, 3, 4, 5].map((stars) => sum((row) => row.stars >= stars)),
      located: sum((row) => row.located === 1),
      captioned: sum((row) => row.captioned === 1),
    };
  });
}

function shared(rows: readonly Shared[], of: (row: Shared) => string | null): Facet[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const value = of(row) ?? '';
    if (value !== '') counts.set(value, (counts.get(value) ?? 0) + row.photos);
  }
  return [...counts]
    .map(([value, photos]) => ({ value, photos }))
    .sort((a, b) => b.photos - a.photos || (a.value < b.value ? -1 : 1));
}

function tags(db: ReadDb, filter: Filter): Facet[] {
  const { sql, values } = passing(selection(db, filter), 't.photo_id');
  return db.all(
    `SELECT min(t.name) AS value, count(*) AS photos FROM tag t WHERE ${sql}
     GROUP BY t.name ORDER BY photos DESC, value`,
    ...values,
  );
}

/** Photos with coordinates, the newest where there are too many for a map. */
export function places(db: ReadDb, filter: Filter): Place[] {
  if (filter.located === false) return [];
  const { sql, values } = read(db, { ...filter, located: true });
  return db.all(
    `SELECT m.photo_id AS id, m.latitude, m.longitude FROM ${factsIndexed} WHERE ${sql}
     ORDER BY m.taken_at DESC, m.photo_id DESC LIMIT ${mostPlaces}`,
    ...values,
  );
}

/** The filter over the facts `m` of photos that were read. */
function read(db: ReadDb, filter: Filter): Condition {
  const { files, facts } = selection(db, filter);
  return all([...(facts ? [facts] : []), files('m.photo_id')]);
}
