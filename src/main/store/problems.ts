/** Files that are no photo or could not be read: listing them, and having failures read again. */
import type { Problem } from '../../shared/contract.ts';
import { joinBytes, pathFields } from '../lib/paths.ts';
import type { ReadDb, WriteDb } from './database.ts';

/** A page of them, failures first, then by folder and name. */
export function problemsPage(
  db: ReadDb,
  { offset, limit }: { offset: number; limit: number },
): { total: number; problems: Problem[] } {
  const from = 'cache.problem q JOIN file f ON f.id = q.file_id JOIN root r ON r.id = f.root_id';
  const total = db.get<{ n: number }>(`SELECT count(*) AS n FROM ${from} WHERE f.present = 1`)?.n ?? 0;
  const rows = db.all<Pick<Problem, 'kind' | 'reason'> & { rootPath: Uint8Array; path: Uint8Array }>(
    `SELECT q.kind, q.reason, r.path AS rootPath, f.path FROM ${from} WHERE f.present = 1
     ORDER BY q.kind = 'failed' DESC, r.id, f.folder, f.name, f.id LIMIT ? OFFSET ?`,
    limit,
    offset,
  );
  return {
    total,
    problems: rows.map(({ rootPath, path, kind, reason }) => ({
      kind,
      ...pathFields(joinBytes(rootPath, path)),
      reason,
    })),
  };
}

/** Has every failed file of these roots read again, also those that were left alone as dangerous. */
export function retryFailed(db: WriteDb, rootIds: readonly number[]): void {
  const failed = `(SELECT q.file_id FROM cache.problem q JOIN file f ON f.id = q.file_id
    WHERE q.kind = 'failed' AND f.root_id IN (SELECT value FROM json_each(?)))`;
  const roots = JSON.stringify(rootIds);
  db.transaction(() => {
    db.run(`DELETE FROM cache.in_flight WHERE file_id IN ${failed}`, roots);
    db.run(`UPDATE file SET dirty = 1 WHERE id IN ${failed}`, roots);
  });
}
