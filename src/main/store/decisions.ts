/** What a person decided: stars and tags of photos, saved searches, settings. Never computed, never lost. */
import type { Args, Filter, Role, SavedSearch, SettingKey, Settings } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { ReadDb, WriteDb } from './database.ts';
import { indexWords, requirePhotos } from './texts.ts';

/** A person's stars for all these photos or, where one is not there, for none. */
export function rate(db: WriteDb, { ids, rating }: Args<'rate'>): void {
  const list = JSON.stringify(ids);
  db.transaction(() => {
    requirePhotos(db, ids);
    db.run(
      `INSERT INTO rating (photo_id, stars) SELECT DISTINCT value, ?1 FROM json_each(?2) WHERE true
       ON CONFLICT (photo_id) DO UPDATE SET stars = excluded.stars`,
      rating,
      list,
    );
    db.run(
      'UPDATE cache.metadata SET stars = ?1 WHERE photo_id IN (SELECT value FROM json_each(?2))',
      rating,
      list,
    );
  });
}

/** Adds tags and takes tags away; upper and lower case are one tag, spelt as it was first. */
export function tag(db: WriteDb, { ids, add, remove }: Args<'tag'>): void {
  const photos = [...new Set(ids)];
  db.transaction(() => {
    requirePhotos(db, photos);
    for (const name of add.map(tidy)) addTag(db, photos, name);
    for (const name of remove.map(tidy))
      db.run(
        'DELETE FROM tag WHERE name = ?1 AND photo_id IN (SELECT value FROM json_each(?2))',
        name,
        JSON.stringify(photos),
      );
    for (const id of photos) indexWords(db, id);
  });
}

function addTag(db: WriteDb, photos: number[], name: string): void {
  const known = db.get<{ name: string }>('SELECT name FROM tag WHERE name = ? LIMIT 1', name);
  db.run(
    'INSERT OR IGNORE INTO tag (photo_id, name) SELECT value, ?1 FROM json_each(?2)',
    known?.name ?? name,
    JSON.stringify(photos),
  );
}

function tidy(name: string): string {
  return name.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
}

export function searches(db: ReadDb): SavedSearch[] {
  const rows = db.all<Omit<SavedSearch, 'filter'> & { filter: string }>(
    'SELECT id, name, query, filter FROM search ORDER BY id',
  );
  return rows.map((row) => ({ ...row, filter: JSON.parse(row.filter) as Filter }));
}

/** Keeps a search under its name, in place of the one that had it. */
export function saveSearch(db: WriteDb, { name, query, filter }: Args<'saveSearch'>): SavedSearch {
  db.run(
    `INSERT INTO search (name, query, filter) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET query = excluded.query, filter = excluded.filter`,
    name,
    query,
    JSON.stringify(filter),
  );
  const row = db.get<{ id: number }>('SELECT id FROM search WHERE name = ?', name);
  return { id: row?.id ?? 0, name, query, filter };
}

export function removeSearch(db: WriteDb, id: number): void {
  if (db.run('DELETE FROM search WHERE id = ?', id).changes === 0)
    throw new AppError('not-found', `There is no saved search ${id}. It may have been removed already.`);
}

/** Thumbs up, down, or taken back, for these photos as answers to these words. Throws AppError('not-found') for a file that is no photo of the library. */
export function judge(
  db: WriteDb,
  query: string,
  photos: readonly { photoId: number | undefined; path: Buffer }[],
  good: boolean | null,
): void {
  const stranger = photos.find(({ photoId }) => photoId === undefined);
  if (stranger)
    throw new AppError(
      'not-found',
      `${stranger.path.toString()} is no photo of the library. Index its folder first.`,
    );
  const list = JSON.stringify([...new Set(photos.map(({ photoId }) => photoId))]);
  if (good === null)
    db.run(
      'DELETE FROM judgement WHERE query = ?1 AND photo_id IN (SELECT value FROM json_each(?2))',
      tidy(query),
      list,
    );
  else
    db.run(
      'INSERT OR REPLACE INTO judgement (query, photo_id, good) SELECT ?1, value, ?2 FROM json_each(?3)',
      tidy(query),
      Number(good),
      list,
    );
}

/** What a person said of photos found with these words, by photo. */
export function judged(db: ReadDb, query: string): Map<number, boolean> {
  const rows = db.all<{ id: number; good: number }>(
    'SELECT photo_id AS id, good FROM judgement WHERE query = ?',
    tidy(query),
  );
  return new Map(rows.map(({ id, good }) => [id, good === 1]));
}

/** Words that were searched for and judged, in order. */
export function judgedQueries(db: ReadDb): string[] {
  return db
    .all<{ query: string }>('SELECT DISTINCT query FROM judgement ORDER BY query')
    .map(({ query }) => query);
}

export function settings(db: ReadDb): Settings {
  const rows = db.all<{ key: SettingKey; value: string }>(
    "SELECT key, value FROM setting WHERE key NOT LIKE 'model:%' AND key NOT LIKE 'provider:%'",
  );
  return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
}

export function saveSetting(db: WriteDb, { key, value }: Args<'saveSettings'>): void {
  db.run('INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)', key, JSON.stringify(value));
}

/** Ids of the models that were chosen; `searching` is the one that searches until `search` has seen all photos. */
export type ModelChoices = Partial<Record<Role | 'searching', string>>;

export function modelChoices(db: ReadDb): ModelChoices {
  const rows = db.all<{ role: string; id: string }>(
    "SELECT substr(key, 7) AS role, value ->> '$' AS id FROM setting WHERE key LIKE 'model:%'",
  );
  return Object.fromEntries(rows.map(({ role, id }) => [role, id]));
}

/** Keeps these choices and no other ones, wholly or not at all. */
export function saveModelChoices(db: WriteDb, choices: ModelChoices): void {
  db.transaction(() => {
    db.run("DELETE FROM setting WHERE key LIKE 'model:%'");
    for (const [role, id] of Object.entries(choices))
      db.run('INSERT INTO setting (key, value) VALUES (?, ?)', `model:${role}`, JSON.stringify(id));
  });
}

/** What a model was proved to run best on; `reason` says why not on what a person chose. */
export interface ProvedProvider {
  /** It holds while this is the same. */
  stamp: string;
  provider: string;
  reason: string | null;
}

export function provedProvider(db: ReadDb, model: string, stamp: string): ProvedProvider | undefined {
  const row = db.get<{ value: string }>('SELECT value FROM setting WHERE key = ?', `provider:${model}`);
  const found = row && (JSON.parse(row.value) as ProvedProvider);
  return found?.stamp === stamp ? found : undefined;
}

export function saveProvedProvider(db: WriteDb, model: string, found: ProvedProvider): void {
  db.run(
    'INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)',
    `provider:${model}`,
    JSON.stringify(found),
  );
}

/**
 * Makes the cache agree with what a person decided: it is written less strictly than library.db, so
 * after a power cut it may have missed the last decisions.
 */
export function reconcile(db: WriteDb): void {
  db.run(
    `UPDATE cache.metadata SET stars = r.stars FROM rating r
     WHERE r.photo_id = metadata.photo_id AND r.stars <> metadata.stars`,
  );
}
