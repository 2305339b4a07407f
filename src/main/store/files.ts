/** Folders and files: what a scan saw, which photo each file is, and what waits to be read. */
import { AppError } from '../../shared/errors.ts';
import { joinBytes, splitRelative } from '../lib/paths.ts';
import type { SeenFile, Stamp } from '../lib/walk.ts';
import type { ReadDb, WriteDb } from './database.ts';

export interface RootRow {
  id: number;
  path: Uint8Array;
  state: 'online' | 'offline';
}

export interface KnownFile extends Stamp {
  id: number;
  path: Uint8Array;
  present: number;
}

/** A file that waits to be read, with what is known of it. */
export interface PendingFile {
  id: number;
  rootId: number;
  name: string;
  absolute: Buffer;
  size: number;
  mtimeUs: number;
  hash: Uint8Array | null;
  photoId: number | null;
  pixelHash: Uint8Array | null;
}

export function roots(db: ReadDb): RootRow[] {
  return db.all('SELECT id, path, state FROM root ORDER BY id');
}

export function addRoot(db: WriteDb, path: Uint8Array): number {
  return db.run('INSERT INTO root (path) VALUES (?)', path).id;
}

/** Forgets a folder and its files; photos and a person's words about them stay in the library. */
export function removeRoot(db: WriteDb, id: number): void {
  const { changes } = db.run('DELETE FROM root WHERE id = ?', id);
  if (changes === 0) throw new AppError('not-found', `There is no folder ${id} in the library.`);
}

export function setRootState(db: WriteDb, id: number, state: RootRow['state']): void {
  db.run('UPDATE root SET state = ? WHERE id = ?', state, id);
}

/** Makes the files of root `child` files of `parent`, below the relative folder `prefix`. */
export function mergeRoot(db: WriteDb, child: number, parent: number, prefix: string): void {
  db.transaction(() => {
    const rows = db.all<{ id: number; path: Uint8Array }>(
      'SELECT id, path FROM file WHERE root_id = ?',
      child,
    );
    for (const row of rows) {
      const path = Buffer.concat([Buffer.from(`${prefix}/`), row.path]);
      const { folder } = splitRelative(path);
      db.run('UPDATE file SET root_id = ?, path = ?, folder = ? WHERE id = ?', parent, path, folder, row.id);
    }
    removeRoot(db, child);
  });
}

const filesAtOnce = 5000;

/**
 * All files known below a root, by their raw path as a latin-1 key. Read in parts: those of 100,000 take 0.4 s,
 * in which nobody else would be answered.
 */
export async function knownFiles(db: ReadDb, rootId: number): Promise<Map<string, KnownFile>> {
  const known = new Map<string, KnownFile>();
  for (let last = 0; ;) {
    const rows = db.all<KnownFile>(
      `SELECT id, path, size, mtime_us AS mtimeUs, ctime_us AS ctimeUs, inode, present
       FROM file NOT INDEXED WHERE root_id = ? AND id > ? ORDER BY id LIMIT ${filesAtOnce}`,
      rootId,
      last,
    );
    for (const row of rows) known.set(pathKey(row.path), row);
    last = rows.at(-1)?.id ?? last;
    if (rows.length < filesAtOnce) return known;
    await new Promise(setImmediate);
  }
}

export function pathKey(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1');
}

/** Notes new and changed files as waiting to be read. */
export function noteFiles(db: WriteDb, rootId: number, files: readonly SeenFile[]): void {
  db.transaction(() => {
    for (const file of files) {
      const { folder, name } = splitRelative(file.path);
      db.run(
        `INSERT INTO file (root_id, path, folder, name, size, mtime_us, ctime_us, inode)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (root_id, path) DO UPDATE SET size = excluded.size, mtime_us = excluded.mtime_us,
           ctime_us = excluded.ctime_us, inode = excluded.inode, present = 1, dirty = 1`,
        rootId,
        file.path,
        folder,
        name,
        file.size,
        file.mtimeUs,
        file.ctimeUs,
        file.inode,
      );
    }
  });
}

/** Marks files as gone or back; their photos and words are kept either way. */
export function setPresent(db: WriteDb, ids: readonly number[], present: boolean): void {
  db.transaction(() => {
    for (const id of ids) db.run('UPDATE file SET present = ? WHERE id = ?', present ? 1 : 0, id);
  });
}

/**
 * Files of online roots that wait: new, changed, or without an embedding of `model`.
 *
 * Files that a dead process had in flight come first and RAW files last, so that a RAW finds its
 * JPEG sibling read. Problems stay settled until the file changes.
 */
export function pendingFiles(db: ReadDb, model: string | null, rootIds: readonly number[]): PendingFile[] {
  const rows = db.all<Omit<PendingFile, 'absolute'> & { rootPath: Uint8Array; path: Uint8Array }>(
    `SELECT f.id, f.root_id AS rootId, f.name, f.size, f.mtime_us AS mtimeUs, f.hash, f.photo_id AS photoId,
            p.pixel_hash AS pixelHash, r.path AS rootPath, f.path
     FROM file f JOIN root r ON r.id = f.root_id
     LEFT JOIN photo p ON p.id = f.photo_id
     LEFT JOIN cache.in_flight i ON i.file_id = f.id
     WHERE f.present = 1 AND r.state = 'online' AND f.root_id IN (SELECT value FROM json_each(?1))
       AND (f.dirty = 1 OR (f.photo_id IS NOT NULL AND (
         NOT EXISTS (SELECT 1 FROM cache.metadata m WHERE m.photo_id = f.photo_id)
         OR (?2 IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM cache.embedding e WHERE e.photo_id = f.photo_id AND e.model = ?2)))))
     ORDER BY i.file_id IS NULL, f.folder, f.name`,
    JSON.stringify(rootIds),
    model,
  );
  return rows.map(({ rootPath, path, ...row }) => ({ ...row, absolute: joinBytes(rootPath, path) }));
}

/** Another file with the same content that already belongs to a photo. */
export function photoOfHash(db: ReadDb, hash: Uint8Array): number | undefined {
  return db.get<{ id: number }>(
    'SELECT photo_id AS id FROM file WHERE hash = ? AND photo_id IS NOT NULL LIMIT 1',
    hash,
  )?.id;
}

/** A photo with the same picture whose every file is gone: the new file is that photo, moved. */
export function lostPhotoOfPixels(db: ReadDb, pixelHash: Uint8Array): number | undefined {
  return db.get<{ id: number }>(
    `SELECT p.id FROM photo p WHERE p.pixel_hash = ? AND NOT EXISTS (
       SELECT 1 FROM file f WHERE f.photo_id = p.id AND f.present = 1) LIMIT 1`,
    pixelHash,
  )?.id;
}

/** Whether the photo has files that are there besides this one. */
export function hasOtherFiles(db: ReadDb, photoId: number, fileId: number): boolean {
  return (
    db.get('SELECT 1 FROM file WHERE photo_id = ? AND id <> ? AND present = 1', photoId, fileId) !== undefined
  );
}

/** Files below these roots that are there and are photos. */
export function countPhotoFiles(db: ReadDb, rootIds: readonly number[]): number {
  return (
    db.get<{ n: number }>(
      `SELECT count(*) AS n FROM file WHERE present = 1 AND photo_id IS NOT NULL
         AND id NOT IN (SELECT file_id FROM cache.problem)
         AND root_id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(rootIds),
    )?.n ?? 0
  );
}

/** The photo of the JPEG beside a RAW file: same folder, same name before the extension. */
export function jpegSibling(db: ReadDb, fileId: number): number | undefined {
  return db.get<{ id: number }>(
    `SELECT s.photo_id AS id FROM file f JOIN file s ON s.root_id = f.root_id AND s.folder = f.folder
       AND s.id <> f.id AND s.present = 1 AND s.photo_id IS NOT NULL
       AND lower(s.name) IN (lower(rtrim(rtrim(f.name, replace(f.name, '.', '')), '.')) || '.jpg',
                             lower(rtrim(rtrim(f.name, replace(f.name, '.', '')), '.')) || '.jpeg')
     WHERE f.id = ? LIMIT 1`,
    fileId,
  )?.id;
}

export function createPhoto(db: WriteDb, pixelHash: Uint8Array): number {
  return db.run('INSERT INTO photo (pixel_hash) VALUES (?)', pixelHash).id;
}

export function setPixelHash(db: WriteDb, photoId: number, pixelHash: Uint8Array): void {
  db.run('UPDATE photo SET pixel_hash = ? WHERE id = ?', pixelHash, photoId);
}

/** Notes that the file changed while it was read; it still waits. */
export function restamp(db: WriteDb, fileId: number, stamp: Pick<Stamp, 'size' | 'mtimeUs'>): void {
  db.run('UPDATE file SET size = ?, mtime_us = ? WHERE id = ?', stamp.size, stamp.mtimeUs, fileId);
}

/** The file has been read: it is `photoId` (null: no photo) and waits no longer. */
export function settleFile(
  db: WriteDb,
  fileId: number,
  hash: Uint8Array | null,
  photoId: number | null,
): void {
  db.run('UPDATE file SET hash = ?, photo_id = ?, dirty = 0 WHERE id = ?', hash, photoId, fileId);
  db.run('DELETE FROM cache.in_flight WHERE file_id = ?', fileId);
  db.run('DELETE FROM cache.problem WHERE file_id = ?', fileId);
}

/** The file cannot be indexed, with the reason shown to the person until it changes. */
export function noteProblem(db: WriteDb, fileId: number, kind: 'skipped' | 'failed', reason: string): void {
  // A photo that became unreadable keeps its row and words: only the file is marked.
  db.run('UPDATE file SET dirty = 0 WHERE id = ?', fileId);
  db.run('DELETE FROM cache.in_flight WHERE file_id = ?', fileId);
  db.run(
    'INSERT OR REPLACE INTO cache.problem (file_id, kind, reason) VALUES (?, ?, ?)',
    fileId,
    kind,
    reason,
  );
}

/** Durable marks written before the files are opened; gives the deaths already counted for each. */
export function markInFlight(db: WriteDb, fileIds: readonly number[]): void {
  db.transaction(() => {
    for (const id of fileIds) db.run('INSERT OR IGNORE INTO cache.in_flight (file_id) VALUES (?)', id);
  });
}

export function clearInFlight(db: WriteDb, fileIds: readonly number[]): void {
  db.transaction(() => {
    for (const id of fileIds) db.run('DELETE FROM cache.in_flight WHERE file_id = ?', id);
  });
}

export function inFlight(db: ReadDb): Set<number> {
  return new Set(db.all<{ id: number }>('SELECT file_id AS id FROM cache.in_flight').map((row) => row.id));
}

/** Counts a death of the compute process against the one file it was reading. */
export function countDeath(db: WriteDb, fileId: number): number {
  db.run(
    `INSERT INTO cache.in_flight (file_id, deaths) VALUES (?, 1)
     ON CONFLICT (file_id) DO UPDATE SET deaths = deaths + 1`,
    fileId,
  );
  return (
    db.get<{ deaths: number }>('SELECT deaths FROM cache.in_flight WHERE file_id = ?', fileId)?.deaths ?? 1
  );
}

export interface Problem {
  fileId: number;
  kind: 'skipped' | 'failed';
  reason: string;
  absolute: Buffer;
}

export function problems(db: ReadDb, rootIds: readonly number[]): Problem[] {
  const rows = db.all<Omit<Problem, 'absolute'> & { rootPath: Uint8Array; path: Uint8Array }>(
    `SELECT f.id AS fileId, p.kind, p.reason, r.path AS rootPath, f.path
     FROM cache.problem p JOIN file f ON f.id = p.file_id JOIN root r ON r.id = f.root_id
     WHERE f.present = 1 AND f.root_id IN (SELECT value FROM json_each(?)) ORDER BY f.folder, f.name`,
    JSON.stringify(rootIds),
  );
  return rows.map(({ rootPath, path, ...row }) => ({ ...row, absolute: joinBytes(rootPath, path) }));
}
