/** What export needs: every captioned file, and which files export itself has written. */
import path from 'node:path';
import type { ExportRow } from '../lib/export-text.ts';
import { display, joinBytes } from '../lib/paths.ts';
import type { ReadDb, WriteDb } from './database.ts';

/** What is written of a file, and where it lies. */
export interface CaptionedFile extends ExportRow {
  /** Below its root, raw bytes. */
  relative: Buffer;
  /** Folder under `--out` that mirrors the root: '' with one root, else the root's own name. */
  mirror: string;
}

interface Row extends Omit<CaptionedFile, 'absolute' | 'relative' | 'mirror' | 'source'> {
  rootId: number;
  rootPath: Uint8Array;
  path: Uint8Array;
  own: string | null;
  said: string | null;
}

/** Files that are there and whose photo has a caption: a person's newest words, else the model's. */
export function captionedFiles(db: ReadDb): CaptionedFile[] {
  const rows = db.all<Row>(
    `SELECT r.id AS rootId, r.path AS rootPath, f.path, m.taken_at AS takenAt, m.width, m.height,
       nullif((SELECT t.text FROM text t WHERE t.photo_id = f.photo_id AND t.kind = 'caption'
               ORDER BY t.id DESC LIMIT 1), '') AS own,
       c.text AS said, c.model
     FROM file f JOIN root r ON r.id = f.root_id JOIN cache.metadata m ON m.photo_id = f.photo_id
     LEFT JOIN cache.caption c ON c.id = (SELECT c2.id FROM cache.caption c2 WHERE c2.photo_id = f.photo_id
       ORDER BY c2.prompt <> '', c2.id DESC LIMIT 1)
     WHERE f.present = 1 ORDER BY r.id, f.folder, f.name`,
  );
  const names = mirrorNames(rows);
  return rows.flatMap(({ rootId, rootPath, path: rel, own, said, model, ...rest }) => {
    const caption = own ?? said;
    if (caption === null) return [];
    const absolute = joinBytes(rootPath, rel);
    const source = own === null ? 'model' : 'person';
    return [
      {
        ...rest,
        absolute,
        relative: Buffer.from(rel),
        mirror: names.get(rootId) ?? '',
        caption,
        source,
        model: own === null ? model : null,
      },
    ];
  });
}

function mirrorNames(rows: Row[]): Map<number, string> {
  const roots = new Map(rows.map((row) => [row.rootId, display(row.rootPath)]));
  if (roots.size < 2) return new Map();
  const bases = [...roots.values()].map((root) => path.basename(root));
  return new Map(
    [...roots].map(([id, root]) => {
      const base = path.basename(root);
      return [id, bases.filter((other) => other === base).length > 1 ? `${base}-${id}` : base];
    }),
  );
}

export function sidecarHash(db: ReadDb, path: Uint8Array): Uint8Array | undefined {
  return db.get<{ hash: Uint8Array }>('SELECT hash FROM sidecar WHERE path = ?', path)?.hash;
}

export function noteSidecar(db: WriteDb, path: Uint8Array, hash: Uint8Array): void {
  db.run('INSERT OR REPLACE INTO sidecar (path, hash) VALUES (?, ?)', path, hash);
}
