/** What indexing computes of a photo: metadata, thumbnail, embedding, image prefix, model captions. */
import type { Found, PhotoMetadata } from '../../shared/contract.ts';
import type { ReadDb, WriteDb } from './database.ts';

export interface PhotoFacts {
  width: number;
  height: number;
  colour: string;
  takenAt: string;
  metadata: PhotoMetadata;
}

/** Results of one model version for one photo, float16 as bytes. */
export interface ModelResults {
  model: string;
  vector: Uint8Array;
  prefix: Uint8Array | null;
}

/** Writes what was read of a photo; a person's stars go before those the file carries. */
export function saveFacts(db: WriteDb, photoId: number, facts: PhotoFacts): void {
  const { metadata } = facts;
  db.run(
    `INSERT INTO cache.metadata
       (photo_id, width, height, colour, taken_at, json, camera, format, latitude, longitude, stars)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
       coalesce((SELECT stars FROM rating WHERE photo_id = ?1), min(5, max(0, ?11))))
     ON CONFLICT (photo_id) DO UPDATE SET width = excluded.width, height = excluded.height,
       colour = excluded.colour, taken_at = excluded.taken_at, json = excluded.json,
       camera = excluded.camera, format = excluded.format, latitude = excluded.latitude,
       longitude = excluded.longitude, stars = excluded.stars`,
    photoId,
    facts.width,
    facts.height,
    facts.colour,
    facts.takenAt,
    JSON.stringify(metadata),
    metadata.camera,
    metadata.format,
    metadata.latitude,
    metadata.longitude,
    metadata.rating ?? 0,
  );
}

export function saveThumbnail(db: WriteDb, photoId: number, jpeg: Uint8Array): void {
  db.run('INSERT OR REPLACE INTO cache.thumbnail (photo_id, jpeg) VALUES (?, ?)', photoId, jpeg);
}

export function thumbnail(db: ReadDb, photoId: number): Uint8Array | undefined {
  return db.get<{ jpeg: Uint8Array }>('SELECT jpeg FROM cache.thumbnail WHERE photo_id = ?', photoId)?.jpeg;
}

export function saveModelResults(db: WriteDb, photoId: number, results: ModelResults): void {
  db.run(
    'INSERT OR REPLACE INTO cache.embedding (photo_id, model, vector) VALUES (?, ?, ?)',
    photoId,
    results.model,
    results.vector,
  );
  if (results.prefix)
    db.run(
      `INSERT OR REPLACE INTO cache.prefix (photo_id, model, tokens) SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM cache.caption WHERE photo_id = ?1 AND prompt = '')`,
      photoId,
      results.model,
      results.prefix,
    );
}

/** The picture itself changed: what a model said of the old one no longer holds. */
export function forgetModelResults(db: WriteDb, photoId: number): void {
  for (const table of ['embedding', 'prefix', 'caption'])
    db.run(`DELETE FROM cache.${table} WHERE photo_id = ?`, photoId);
}

/** Whether the photo needs no reading: its facts are there and, where a model is in use, what that saw. */
export function hasResults(db: ReadDb, photoId: number, model: string | null): boolean {
  return (
    db.get('SELECT 1 FROM cache.metadata WHERE photo_id = ?', photoId) !== undefined &&
    (model === null ||
      db.get('SELECT 1 FROM cache.embedding WHERE photo_id = ? AND model = ?', photoId, model) !== undefined)
  );
}

export interface EmbeddingRow {
  seq: number;
  photoId: number;
  vector: Uint8Array;
}

/** Embeddings of `model` written after `seq`, of photos that have a file, oldest first. */
export function embeddingsAfter(db: ReadDb, model: string, seq: number, limit: number): EmbeddingRow[] {
  return db.all(
    `SELECT e.seq, e.photo_id AS photoId, e.vector FROM cache.embedding e
     WHERE e.model = ? AND e.seq > ?
       AND EXISTS (SELECT 1 FROM file f WHERE f.photo_id = e.photo_id AND f.present = 1)
     ORDER BY e.seq LIMIT ?`,
    model,
    seq,
    limit,
  );
}

export interface Uncaptioned {
  photoId: number;
  prefix: Uint8Array | null;
  vector: Uint8Array | null;
}

/** Photos after id `after` that no model has captioned, with the prefix and vector that `model` kept from indexing. */
export function uncaptioned(db: ReadDb, model: string, after: number, limit: number): Uncaptioned[] {
  return db.all(
    `SELECT m.photo_id AS photoId, x.tokens AS prefix, e.vector FROM cache.metadata m
     LEFT JOIN cache.prefix x ON x.photo_id = m.photo_id AND x.model = ?1
     LEFT JOIN cache.embedding e ON e.photo_id = m.photo_id AND e.model = ?1
     WHERE EXISTS (SELECT 1 FROM file f WHERE f.photo_id = m.photo_id AND f.present = 1)
       AND NOT EXISTS (SELECT 1 FROM cache.caption c
                       WHERE c.photo_id = m.photo_id AND c.prompt = '')
       AND m.photo_id > ?2
     ORDER BY m.photo_id LIMIT ?3`,
    model,
    after,
    limit,
  );
}

export function countUncaptioned(db: ReadDb): number {
  return (
    db.get<{ n: number }>(
      `SELECT count(*) AS n FROM cache.metadata m
       WHERE EXISTS (SELECT 1 FROM file f WHERE f.photo_id = m.photo_id AND f.present = 1)
         AND NOT EXISTS (SELECT 1 FROM cache.caption c
                         WHERE c.photo_id = m.photo_id AND c.prompt = '')`,
    )?.n ?? 0
  );
}

export interface ModelCaption {
  model: string;
  prompt: string;
  text: string;
  confidence: number;
  boxes?: readonly Found[];
}

export function saveModelCaption(db: WriteDb, photoId: number, caption: ModelCaption): void {
  db.run(
    `INSERT INTO cache.caption (photo_id, model, prompt, text, confidence, created_at, boxes)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    photoId,
    caption.model,
    caption.prompt,
    caption.text,
    caption.confidence,
    new Date().toISOString(),
    caption.boxes ? JSON.stringify(caption.boxes) : null,
  );
  db.run('DELETE FROM cache.prefix WHERE photo_id = ?', photoId);
}

/** How many photos that can be read `before` has seen and `model` has not. */
export function unseenBy(db: ReadDb, model: string, before: string): number {
  return (
    db.get<{ n: number }>(
      `SELECT count(*) AS n FROM cache.embedding e WHERE e.model = ?2
         AND EXISTS (SELECT 1 FROM file f WHERE f.photo_id = e.photo_id AND f.present = 1
                     AND f.id NOT IN (SELECT file_id FROM cache.problem))
         AND NOT EXISTS (SELECT 1 FROM cache.embedding n WHERE n.photo_id = e.photo_id AND n.model = ?1)`,
      model,
      before,
    )?.n ?? 0
  );
}

/** How many photos that can be read `model` has not seen, and how many there are. */
export function unseen(db: ReadDb, model: string): { unseen: number; photos: number } {
  const found = db.get<{ unseen: number; photos: number }>(
    `SELECT count(*) AS photos, count(*) - count(e.photo_id) AS unseen FROM cache.metadata m
     LEFT JOIN cache.embedding e ON e.photo_id = m.photo_id AND e.model = ?
     WHERE EXISTS (SELECT 1 FROM file f WHERE f.photo_id = m.photo_id AND f.present = 1
                   AND f.id NOT IN (SELECT file_id FROM cache.problem))`,
    model,
  );
  return found ?? { unseen: 0, photos: 0 };
}

/** What a model that goes away has seen; its captions stay, as they are shown. */
export function forgetModel(db: WriteDb, model: string): void {
  db.transaction(() => {
    for (const table of ['embedding', 'prefix']) db.run(`DELETE FROM cache.${table} WHERE model = ?`, model);
  });
}

export function schemaVersion(db: ReadDb): number {
  return db.get<{ user_version: number }>('PRAGMA main.user_version')?.user_version ?? 0;
}

/** `ok`, or what SQLite found wrong in either file. */
export function integrity(db: ReadDb): string {
  const findings = ['main', 'cache'].flatMap((name) =>
    db.all<{ quick_check: string }>(`PRAGMA ${name}.quick_check`).map((row) => row.quick_check),
  );
  return findings.every((finding) => finding === 'ok') ? 'ok' : findings.slice(0, 5).join('; ');
}
