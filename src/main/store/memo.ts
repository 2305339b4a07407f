/** Answers kept until the library changes: scrolling asks the same hundred times in a row. */
import type { ReadDb } from './database.ts';

const kept = 32;

interface Memo {
  stamp: string;
  answers: Map<string, unknown>;
}

const memos = new WeakMap<ReadDb, Memo>();

/** What `compute` gives, or gave since anything was written by any process. Callers must not change it. */
export function remembered<T>(db: ReadDb, key: string, compute: () => T): T {
  const stamp = stampOf(db);
  let memo = memos.get(db);
  if (memo?.stamp !== stamp || memo.answers.size >= kept)
    memos.set(db, (memo = { stamp, answers: new Map() }));
  if (!memo.answers.has(key)) memo.answers.set(key, compute());
  return memo.answers.get(key) as T;
}

/** Changes with every write: SQLite counts this connection's rows, and commits of others by version. */
function stampOf(db: ReadDb): string {
  const own = db.get<{ n: number }>('SELECT total_changes() AS n')?.n ?? 0;
  const others = ['main', 'cache'].map(
    (name) => db.get<{ data_version: number }>(`PRAGMA ${name}.data_version`)?.data_version ?? 0,
  );
  return [own, ...others].join(' ');
}
