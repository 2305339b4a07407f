/** The ledger of words about photos: captions, chats, and the full-text index over them. */
import type { ChatMessage, Found, KnownAnswer, Sureness, TextEntry } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { ReadDb, WriteDb } from './database.ts';

/** All captions of a photo, the one that counts first: a person's newest, then a model's newest. */
export function captionLedger(db: ReadDb, photoId: number): TextEntry[] {
  const people = db.all<TextEntry>(
    `SELECT text, 'person' AS source, NULL AS model, NULL AS prompt, created_at AS createdAt
     FROM text WHERE photo_id = ? AND kind = 'caption' ORDER BY id DESC`,
    photoId,
  );
  const models = db.all<Omit<TextEntry, 'boxes'> & { boxes: string | null }>(
    `SELECT text, 'model' AS source, model, prompt, created_at AS createdAt, boxes
     FROM cache.caption WHERE photo_id = ? ORDER BY prompt <> '', id DESC`,
    photoId,
  );
  return [...people, ...models.map(({ boxes, ...entry }) => ({ ...entry, ...boxesOf(boxes) }))];
}

/** Adds a person's caption; an empty one takes their words back without deleting the old ones. */
export function writeCaption(db: WriteDb, photoId: number, text: string): TextEntry {
  const createdAt = new Date().toISOString();
  db.transaction(() => {
    requirePhotos(db, [photoId]);
    db.run(
      `INSERT INTO text (photo_id, kind, text, created_at) VALUES (?, 'caption', ?, ?)`,
      photoId,
      text,
      createdAt,
    );
    indexWords(db, photoId);
  });
  return { text, source: 'person', model: null, prompt: null, createdAt };
}

export function messages(db: ReadDb, photoId: number): ChatMessage[] {
  const rows = db.all<
    Record<'answers' | 'sureness' | 'boxes', string | null> &
      Omit<ChatMessage, 'answers' | 'sureness' | 'boxes'>
  >(
    `SELECT role, text, model, sent, created_at AS createdAt, answers, sureness, boxes FROM message
     WHERE photo_id = ? ORDER BY id`,
    photoId,
  );
  return rows.map(({ answers, sureness, boxes, ...message }) => ({
    ...message,
    ...(answers !== null && { answers: JSON.parse(answers) as KnownAnswer[] }),
    ...(sureness !== null && { sureness: JSON.parse(sureness) as Sureness }),
    ...boxesOf(boxes),
  }));
}

function boxesOf(json: string | null): { boxes?: Found[] } {
  return json === null ? {} : { boxes: JSON.parse(json) as Found[] };
}

export function addMessages(db: WriteDb, photoId: number, added: readonly ChatMessage[]): void {
  db.transaction(() => {
    for (const message of added)
      db.run(
        `INSERT INTO message (photo_id, role, text, model, sent, created_at, answers, sureness, boxes)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        photoId,
        message.role,
        message.text,
        message.model,
        message.sent,
        message.createdAt,
        message.answers ? JSON.stringify(message.answers) : null,
        message.sureness ? JSON.stringify(message.sureness) : null,
        message.boxes ? JSON.stringify(message.boxes) : null,
      );
    indexWords(db, photoId);
  });
}

/** Takes back this question (0 is the first) and all that was said after it. */
export function takeBackFrom(db: WriteDb, photoId: number, question: number): void {
  db.run(
    `DELETE FROM message WHERE photo_id = ?1 AND id >= (
       SELECT id FROM message WHERE photo_id = ?1 AND role = 'user' ORDER BY id LIMIT 1 OFFSET ?2)`,
    photoId,
    question,
  );
}

export function clearMessages(db: WriteDb, photoId: number): void {
  db.transaction(() => {
    requirePhotos(db, [photoId]);
    db.run('DELETE FROM message WHERE photo_id = ?', photoId);
    indexWords(db, photoId);
  });
}

/** Throws where one of these photos is not in the library. */
export function requirePhotos(db: ReadDb, ids: readonly number[]): void {
  const missing = db.get<{ id: number }>(
    'SELECT value AS id FROM json_each(?) WHERE value NOT IN (SELECT id FROM photo) LIMIT 1',
    JSON.stringify(ids),
  );
  if (missing) throw new AppError('not-found', `There is no photo ${missing.id} in the library.`);
}

/** Tags of a photo, in the order of the alphabet. */
export function tagsOf(db: ReadDb, photoId: number): string[] {
  const rows = db.all<{ name: string }>('SELECT name FROM tag WHERE photo_id = ? ORDER BY name', photoId);
  return rows.map((row) => row.name);
}

/** Writes a photo's row of the full-text index anew from its captions, tags, names and chat. */
export function indexWords(db: WriteDb, photoId: number): void {
  noteCaptioned(db, photoId);
  // Tags are found as captions are: both say what is in the photo.
  const captions = [...captionLedger(db, photoId).map((entry) => entry.text), ...tagsOf(db, photoId)];
  const names = db.all<{ name: string; folder: string }>(
    'SELECT name, folder FROM file WHERE photo_id = ? AND present = 1',
    photoId,
  );
  const chat = messages(db, photoId).map((message) => message.text);
  db.run('DELETE FROM cache.words WHERE rowid = ?', photoId);
  db.run(
    'INSERT INTO cache.words (rowid, caption, name, chat) VALUES (?, ?, ?, ?)',
    photoId,
    captions.join('\n'),
    names.map((file) => separated(`${file.folder}/${file.name}`)).join('\n'),
    chat.join('\n'),
  );
}

/** Whether the photo shows a caption, kept beside what photos are filtered by. */
function noteCaptioned(db: WriteDb, photoId: number): void {
  db.run(
    `UPDATE cache.metadata SET captioned =
       EXISTS (SELECT 1 FROM cache.caption c WHERE c.photo_id = ?1)
       OR coalesce((SELECT t.text FROM text t WHERE t.photo_id = ?1 AND t.kind = 'caption'
                    ORDER BY t.id DESC LIMIT 1), '') <> ''
     WHERE photo_id = ?1`,
    photoId,
  );
}

/** `IMG_beachTrip2019.jpg` as words that can be searched for. */
function separated(name: string): string {
  const apart = name.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2');
  return apart.toLowerCase();
}

/**
 * Photos with a file whose words match the FTS5 expression, best first by BM25, equal ones by id. Those that
 * `allows` leaves out do not count towards the limit.
 */
export function matchWords(
  db: ReadDb,
  expression: string,
  limit: number,
  allows?: (photoId: number) => boolean,
): number[] {
  const rows = db.all<{ photoId: number }>(
    `SELECT rowid AS photoId FROM cache.words WHERE words MATCH ?
       AND EXISTS (SELECT 1 FROM file f WHERE f.photo_id = words.rowid AND f.present = 1)
     ORDER BY bm25(words), rowid LIMIT ?`,
    expression,
    allows || limit === Infinity ? -1 : limit,
  );
  const ids = rows.map((row) => row.photoId);
  return allows ? ids.filter(allows).slice(0, limit) : ids;
}
