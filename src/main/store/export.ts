/** What export needs: the files that are asked for, and which files export itself has written. */
import path from 'node:path';
import type { ExportFile } from '../lib/export-names.ts';
import type { ExportRow } from '../lib/export-text.ts';
import { display, joinBytes } from '../lib/paths.ts';
import type { ReadDb, WriteDb } from './database.ts';
import { roots } from './files.ts';

/** What is written of a file, and where it lies. */
export type ExportedFile = ExportRow & ExportFile;

/** A person's newest words about the photo, which may take the earlier ones back. */
const ownCaption = `nullif((SELECT t.text FROM text t WHERE t.photo_id = f.photo_id AND t.kind = 'caption'
  ORDER BY t.id DESC LIMIT 1), '')`;

/** The chosen photos' files that are there and were read, in order; without `photos`, all that have a caption. */
export function filesToExport(
  db: ReadDb,
  photos: readonly number[] | undefined,
): { id: number; photoId: number }[] {
  return db.all(
    `SELECT f.id, f.photo_id AS photoId
     FROM file f JOIN root r ON r.id = f.root_id JOIN cache.metadata m ON m.photo_id = f.photo_id
     WHERE f.present = 1 AND CASE WHEN ?1 IS NOT NULL THEN f.photo_id IN (SELECT value FROM json_each(?1))
       ELSE ${ownCaption} IS NOT NULL OR EXISTS (SELECT 1 FROM cache.caption c WHERE c.photo_id = f.photo_id) END
     ORDER BY r.id, f.folder, f.name`,
    photos ? JSON.stringify(photos) : null,
  );
}

interface Row extends Omit<ExportedFile, 'absolute' | 'relative' | 'mirror' | 'caption' | 'source' | 'tags'> {
  rootId: number;
  rootPath: Uint8Array;
  path: Uint8Array;
  own: string | null;
  said: string | null;
  /** A JSON list of names. */
  tags: string;
}

/** These files with what is written of them, in the order given. A person's words go before a model's. */
export function exportedFiles(db: ReadDb, fileIds: readonly number[]): ExportedFile[] {
  const rows = db.all<Row>(
    `SELECT f.root_id AS rootId, r.path AS rootPath, f.path, m.taken_at AS takenAt, m.width, m.height,
       ${ownCaption} AS own, c.text AS said, c.model, nullif(m.stars, 0) AS rating,
       (SELECT s.stars FROM rating s WHERE s.photo_id = f.photo_id) AS ownRating,
       (SELECT json_group_array(t.name ORDER BY t.name) FROM tag t WHERE t.photo_id = f.photo_id) AS tags
     FROM json_each(?) wanted JOIN file f ON f.id = wanted.value JOIN root r ON r.id = f.root_id
     JOIN cache.metadata m ON m.photo_id = f.photo_id
     LEFT JOIN cache.caption c ON c.id = (SELECT c2.id FROM cache.caption c2 WHERE c2.photo_id = f.photo_id
       ORDER BY c2.prompt <> '', c2.id DESC LIMIT 1)
     ORDER BY wanted.key`,
    JSON.stringify(fileIds),
  );
  const mirrors = mirrorNames(db);
  return rows.map(({ rootId, rootPath, path: rel, own, said, model, tags, ...rest }) => ({
    ...rest,
    absolute: joinBytes(rootPath, rel),
    relative: Buffer.from(rel),
    mirror: mirrors.get(rootId) ?? '',
    caption: own ?? said ?? '',
    source: own !== null ? 'person' : said !== null ? 'model' : null,
    model: own === null ? model : null,
    tags: JSON.parse(tags) as string[],
  }));
}

function mirrorNames(db: ReadDb): Map<number, string> {
  const known = roots(db).map(({ id, path: raw }) => ({ id, base: path.basename(display(raw)) }));
  if (known.length < 2) return new Map();
  return new Map(
    known.map(({ id, base }) => {
      const shared = known.filter((other) => other.base === base).length > 1;
      return [id, shared ? `${base}-${id}` : base];
    }),
  );
}

/** Where every photo file of the library lies: a name is ambiguous whether or not both are exported. */
export function photoFilePaths(db: ReadDb): Buffer[] {
  const rows = db.all<{ rootPath: Uint8Array; path: Uint8Array }>(
    `SELECT r.path AS rootPath, f.path FROM file f JOIN root r ON r.id = f.root_id
     WHERE f.present = 1 AND f.photo_id IS NOT NULL`,
  );
  return rows.map(({ rootPath, path: rel }) => joinBytes(rootPath, rel));
}

export function sidecarHash(db: ReadDb, path: Uint8Array): Uint8Array | undefined {
  return db.get<{ hash: Uint8Array }>('SELECT hash FROM sidecar WHERE path = ?', path)?.hash;
}

export function noteSidecar(db: WriteDb, path: Uint8Array, hash: Uint8Array): void {
  db.run('INSERT OR REPLACE INTO sidecar (path, hash) VALUES (?, ?)', path, hash);
}
