/** Answers kept until the library changes: scrolling asks the same hundred times in a row. */
import type { ReadDb } from './database.ts';

const kept = 32;

interface Answer {
  stamp: string;
  since: number;
  value: unknown;
}

const memos = new WeakMap<ReadDb, Map<string, Answer>>();

/**
 * What `compute` gives, or gave since anything was written by any process, or in the last `goodForMs`
 * milliseconds. Callers must not change it.
 */
export function remembered<T>(db: ReadDb, key: string, compute: () => T, goodForMs = 0): T {
  const stamp = stampOf(db);
  const answers = memos.get(db) ?? new Map<string, Answer>();
  memos.set(db, answers);
  const known = answers.get(key);
  if (known && (known.stamp === stamp || performance.now() - known.since < goodForMs))
    return known.value as T;
  if (answers.size >= kept) answers.clear();
  const value = compute();
  answers.set(key, { stamp, since: performance.now(), value });
  return value;
}

/** Changes with every write: SQLite counts this connection's rows, and commits of others by version. */
function stampOf(db: ReadDb): string {
  const own = db.get<{ n: number }>('SELECT total_changes() AS n')?.n ?? 0;
  const others = ['main', 'cache'].map(
    (name) => db.get<{ data_version: number }>(`PRAGMA ${name}.data_version`)?.data_version ?? 0,
  );
  return [own, ...others].join(' ');
}
