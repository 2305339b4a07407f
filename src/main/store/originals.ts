/** Where the files of a photo lie, for reading one of them. */
import { joinBytes } from '../lib/paths.ts';
import type { ReadDb } from './database.ts';

export interface Original {
  path: Buffer;
  /** As it is shown, with its extension. */
  name: string;
  /** Why it could not be read when it was last tried. */
  reason: string | null;
}

/** The photo's files, those that are there and could be read first; none where there is no such photo. */
export function originals(db: ReadDb, photoId: number): Original[] {
  const rows = db.all<{ rootPath: Uint8Array; path: Uint8Array; name: string; reason: string | null }>(
    `SELECT r.path AS rootPath, f.path, f.name, q.reason FROM file f JOIN root r ON r.id = f.root_id
     LEFT JOIN cache.problem q ON q.file_id = f.id
     WHERE f.photo_id = ? ORDER BY f.present DESC, q.file_id IS NOT NULL, f.id`,
    photoId,
  );
  return rows.map(({ rootPath, path, ...row }) => ({ ...row, path: joinBytes(rootPath, path) }));
}
