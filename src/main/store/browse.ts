/** Reading the library for showing: counts, folders, photo rows and one photo's whole story. */
import type {
  FileInfo,
  Folder,
  PhotoDetails,
  PhotoMetadata,
  PhotoSummary,
  Root,
} from '../../shared/contract.ts';
import { joinBytes, pathFields } from '../lib/paths.ts';
import type { ReadDb } from './database.ts';
import { roots } from './files.ts';
import { factsIndexed, isShown, shownFile } from './filter.ts';
import { remembered } from './memo.ts';
import { captionLedger, messages, tagsOf } from './texts.ts';

export interface Counts {
  photos: number;
  searchable: number;
  captioned: number;
  failed: number;
}

export function counts(db: ReadDb, model: string | null): Counts {
  return remembered(db, `counts ${model ?? ''}`, () => count(db, model));
}

/** Photos with a file that is there: a few seconds old at most, for it is asked with every search. */
export function shownPhotos(db: ReadDb): number {
  const sql = `SELECT count(DISTINCT f.photo_id) AS n FROM file f WHERE ${shownFile}`;
  return remembered(db, 'shown photos', () => db.get<{ n: number }>(sql)?.n ?? 0, 5000);
}

function count(db: ReadDb, model: string | null): Counts {
  const embedded = isShown(db, 'e.photo_id');
  const captioned = isShown(db, 'm.photo_id');
  const row = db.get<Counts>(
    `SELECT
       (SELECT count(DISTINCT f.photo_id) FROM file f WHERE ${shownFile}) AS photos,
       (SELECT count(*) FROM cache.embedding e WHERE e.model = ? AND ${embedded.sql}) AS searchable,
       (SELECT count(*) FROM ${factsIndexed} WHERE m.captioned = 1 AND ${captioned.sql}) AS captioned,
       (SELECT count(*) FROM cache.problem p JOIN file f ON f.id = p.file_id
          WHERE p.kind = 'failed' AND f.present = 1) AS failed`,
    model,
    ...embedded.values,
    ...captioned.values,
  );
  return row ?? { photos: 0, searchable: 0, captioned: 0, failed: 0 };
}

function photosByRoot(db: ReadDb): Map<number, number> {
  return remembered(db, 'photosByRoot', () => {
    const rows = db.all<{ id: number; n: number }>(
      `SELECT f.root_id AS id, count(DISTINCT f.photo_id) AS n FROM file f WHERE ${shownFile} GROUP BY 1`,
    );
    return new Map(rows.map((row) => [row.id, row.n]));
  });
}

/** The roots, each with its photos counted. */
export function listRoots(db: ReadDb): Root[] {
  const photos = photosByRoot(db);
  return roots(db).map(({ id, path, state }) => ({
    id,
    ...pathFields(path),
    state,
    photos: photos.get(id) ?? 0,
  }));
}

/** Folders with photos directly inside, and those above them, so that they make a tree. */
export function folders(db: ReadDb): Folder[] {
  return remembered(db, 'folders', () => {
    const found = db.all<Folder>(
      `SELECT f.root_id AS root, f.folder, count(DISTINCT f.photo_id) AS photos FROM file f
       WHERE ${shownFile} GROUP BY f.root_id, f.folder`,
    );
    const known = new Map(found.map((entry) => [`${entry.root}/${entry.folder}`, entry]));
    for (const { root, folder } of found)
      for (const above of foldersAbove(folder))
        if (!known.has(`${root}/${above}`)) known.set(`${root}/${above}`, { root, folder: above, photos: 0 });
    return [...known.values()].sort((a, b) => a.root - b.root || (a.folder < b.folder ? -1 : 1));
  });
}

function foldersAbove(folder: string): string[] {
  const parts = folder.split('/');
  return folder === '' ? [] : parts.map((_, count) => parts.slice(0, count).join('/'));
}

interface SummaryRow extends Omit<PhotoSummary, 'state' | 'caption'> {
  seen: number;
  /** 1 where every file that is there has a problem. */
  broken: number | null;
  own: string | null;
  said: string | null;
}

const summaryColumns = `
  p.id, (SELECT f.name FROM file f WHERE f.photo_id = p.id ORDER BY f.present DESC, f.id LIMIT 1) AS name,
  coalesce(m.width, 0) AS width, coalesce(m.height, 0) AS height,
  coalesce(m.taken_at, '') AS takenAt, coalesce(m.colour, '#808080') AS colour,
  coalesce((SELECT r.stars FROM rating r WHERE r.photo_id = p.id), m.stars, 0) AS rating,
  nullif(coalesce(
    (SELECT t.text FROM text t WHERE t.photo_id = p.id AND t.kind = 'caption' ORDER BY t.id DESC LIMIT 1),
    ''), '') AS own,
  (SELECT c.text FROM cache.caption c WHERE c.photo_id = p.id ORDER BY c.prompt <> '', c.id DESC LIMIT 1) AS said,
  m.photo_id IS NOT NULL AS seen,
  (SELECT min(q.file_id IS NOT NULL) FROM file f LEFT JOIN cache.problem q ON q.file_id = f.id
   WHERE f.photo_id = p.id AND f.present = 1) AS broken`;

function summary(row: SummaryRow): PhotoSummary {
  const { seen, broken, own, said, ...rest } = row;
  const state = broken === 1 ? 'failed' : seen ? 'ready' : 'waiting';
  return { ...rest, caption: own ?? said, state };
}

/** Rows for showing, by id. */
export function summaries(db: ReadDb, ids: readonly number[]): Map<number, PhotoSummary> {
  const rows = db.all<SummaryRow>(
    `SELECT ${summaryColumns} FROM photo p LEFT JOIN cache.metadata m ON m.photo_id = p.id
     WHERE p.id IN (SELECT value FROM json_each(?))`,
    JSON.stringify(ids),
  );
  return new Map(rows.map((row) => [row.id, summary(row)]));
}

interface FileRow {
  rootPath: Uint8Array;
  path: Uint8Array;
  size: number;
  mtimeUs: number;
  present: number;
}

function fileRows(db: ReadDb, photoId: number): FileRow[] {
  return db.all(
    `SELECT r.path AS rootPath, f.path, f.size, f.mtime_us AS mtimeUs, f.present FROM file f
     JOIN root r ON r.id = f.root_id WHERE f.photo_id = ? ORDER BY f.present DESC, f.id`,
    photoId,
  );
}

/** By id the raw path of each photo's first file that is there, else of one that is gone. */
export function photoPaths(db: ReadDb, ids: readonly number[]): Map<number, Buffer> {
  const rows = db.all<{ id: number; rootPath: Uint8Array; path: Uint8Array }>(
    `SELECT f.photo_id AS id, r.path AS rootPath, f.path FROM file f JOIN root r ON r.id = f.root_id
     WHERE f.photo_id IN (SELECT value FROM json_each(?)) ORDER BY f.present, f.id DESC`,
    JSON.stringify(ids),
  );
  return new Map(rows.map(({ id, rootPath, path }) => [id, joinBytes(rootPath, path)]));
}

export function photoPath(db: ReadDb, photoId: number): Buffer | undefined {
  return photoPaths(db, [photoId]).get(photoId);
}

/** The photo that the file at this absolute path is, if the library knows it. */
export function photoAt(db: ReadDb, absolute: Uint8Array): number | undefined {
  const target = Buffer.from(absolute);
  for (const root of db.all<{ id: number; path: Uint8Array }>('SELECT id, path FROM root')) {
    const start = joinBytes(root.path, Buffer.from(' ')).subarray(0, -1);
    if (!target.subarray(0, start.length).equals(start)) continue;
    const rel = target.subarray(start.length);
    const row = db.get<{ id: number | null }>(
      'SELECT photo_id AS id FROM file WHERE root_id = ? AND path = ?',
      root.id,
      rel,
    );
    if (row?.id) return row.id;
  }
  return undefined;
}

/** What is shown of a photo that was not read yet. */
export const noMetadata: PhotoMetadata = {
  format: null,
  offset: null,
  camera: null,
  lens: null,
  latitude: null,
  longitude: null,
  orientation: 1,
  exposure: null,
  aperture: null,
  iso: null,
  focalLength: null,
  rating: null,
};

export function photoDetails(db: ReadDb, photoId: number): PhotoDetails | undefined {
  const row = summaries(db, [photoId]).get(photoId);
  if (!row) return undefined;
  const facts = db.get<{ json: string }>('SELECT json FROM cache.metadata WHERE photo_id = ?', photoId);
  const problem = db.get<{ reason: string }>(
    `SELECT p.reason FROM cache.problem p JOIN file f ON f.id = p.file_id WHERE f.photo_id = ? LIMIT 1`,
    photoId,
  );
  return {
    ...row,
    files: fileRows(db, photoId).map(fileInfo),
    metadata: facts ? (JSON.parse(facts.json) as PhotoMetadata) : noMetadata,
    tags: tagsOf(db, photoId),
    captions: captionLedger(db, photoId),
    chat: messages(db, photoId),
    reason: problem?.reason ?? null,
  };
}

function fileInfo(row: FileRow): FileInfo {
  return {
    ...pathFields(joinBytes(row.rootPath, row.path)),
    bytes: row.size,
    modifiedAt: new Date(row.mtimeUs / 1000).toISOString(),
    present: row.present === 1,
  };
}
