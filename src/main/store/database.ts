/**
 * Opens the library: `library.db` (what a person decided or wrote) with `cache.db` (what can be
 * computed again) attached as `cache`. The only importer of better-sqlite3.
 */
import Sqlite from 'better-sqlite3';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../shared/errors.ts';
import { holdWriterLock } from './lock.ts';
import { cacheMigrations, libraryMigrations, migrate, refuseNewer } from './migrations.ts';

export type Value = string | number | bigint | Uint8Array | null;

declare const writable: unique symbol;

/** A connection for reading. Statements are prepared once and kept. */
export interface ReadDb {
  all<Row>(sql: string, ...values: Value[]): Row[];
  get<Row>(sql: string, ...values: Value[]): Row | undefined;
  close(): void;
}

/** The one connection that may change the library; a read query cannot be handed a path to writing. */
export interface WriteDb extends ReadDb {
  readonly [writable]: true;
  run(sql: string, ...values: Value[]): { changes: number; id: number };
  /** Runs `work` wholly or not at all. */
  transaction<T>(work: () => T): T;
}

export type Access = 'write' | 'read' | 'memory';

const cacheFile = 'cache.db';
/** A cache up to this size is checked whole whenever it is opened, a larger one when there is doubt. */
const alwaysCheckedBytes = 64_000_000;

/** Opens the library in `directory`. `memory` is an empty one that leaves nothing behind. */
export function openLibrary(directory: string, access: 'write' | 'memory', holder?: string): WriteDb;
export function openLibrary(directory: string, access: 'read'): ReadDb;
export function openLibrary(directory: string, access: Access, holder = 'iris'): ReadDb {
  if (access === 'memory') return prepare(new Sqlite(':memory:'), ':memory:');
  if (access === 'read') return openReader(directory);
  mkdirSync(directory, { recursive: true });
  const release = holdWriterLock(directory, holder);
  try {
    const db = new Sqlite(path.join(directory, 'library.db'));
    setAsideDamagedCache(directory);
    return prepare(db, path.join(directory, cacheFile), release, () =>
      writeFileSync(doubtNote(directory), ''),
    );
  } catch (error) {
    release();
    throw explain(error, directory);
  }
}

export function libraryExists(directory: string): boolean {
  return existsSync(path.join(directory, 'library.db'));
}

function openReader(directory: string): ReadDb {
  if (!libraryExists(directory))
    throw new AppError('not-found', `There is no library in ${directory}. Run "iris index FOLDER" first.`);
  // Opened writable by the file system's rules so that the WAL's shared memory can be mapped; queries may not write.
  const db = new Sqlite(path.join(directory, 'library.db'), { timeout: 5000 });
  try {
    db.prepare('ATTACH ? AS cache').run(path.join(directory, cacheFile));
    db.pragma('query_only = ON');
    refuseNewer(db, 'main', libraryMigrations);
    refuseNewer(db, 'cache', cacheMigrations);
    return wrap(db);
  } catch (error) {
    db.close();
    throw explain(error, directory);
  }
}

function prepare(
  db: Sqlite.Database,
  cachePath: string,
  release = (): void => undefined,
  onDamage = (): void => undefined,
): WriteDb {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.prepare('ATTACH ? AS cache').run(cachePath);
  db.pragma('cache.journal_mode = WAL');
  db.pragma('cache.synchronous = NORMAL');
  migrate(db, 'main', libraryMigrations);
  migrate(db, 'cache', cacheMigrations);
  return wrap(db, release, onDamage);
}

/** Its presence says that SQLite found damage while the library was in use. */
const doubtNote = (directory: string): string => path.join(directory, 'cache.doubted');

/** A damaged cache is renamed, never deleted, and built again. */
function setAsideDamagedCache(directory: string): void {
  const file = path.join(directory, cacheFile);
  const note = doubtNote(directory);
  if (existsSync(file)) {
    // A log that was left says that Iris did not end in good order.
    const doubted = existsSync(note) || bytesOf(`${file}-wal`) > 0 || bytesOf(file) < alwaysCheckedBytes;
    if (!isSound(file, doubted)) {
      const suffix = `damaged-${Date.now()}`;
      for (const end of ['', '-wal', '-shm'])
        if (existsSync(file + end)) renameSync(file + end, `${file}.${suffix}${end}`);
    }
  }
  rmSync(note, { force: true });
}

function isSound(file: string, thoroughly: boolean): boolean {
  const db = new Sqlite(file);
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return !thoroughly || db.pragma('quick_check(1)', { simple: true }) === 'ok';
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  } finally {
    db.close();
  }
}

function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function isDamage(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code);
}

function explain(error: unknown, directory: string): unknown {
  if (!isDamage(error)) return error;
  return new AppError(
    'unreadable',
    `The library in ${directory} is damaged (library.db: ${String(error)}). ` +
      'Nothing was changed. Restore library.db from the newest file in its "backups" folder.',
  );
}

/** better-sqlite3 takes values for numbered parameters (`?1`) by name. */
function bind(sql: string, values: Value[]): unknown[] {
  return sql.includes('?1') ? [Object.fromEntries(values.map((value, i) => [String(i + 1), value]))] : values;
}

function wrap(
  db: Sqlite.Database,
  release = (): void => undefined,
  onDamage = (): void => undefined,
): WriteDb {
  const statements = new Map<string, Sqlite.Statement>();
  const statement = (sql: string): Sqlite.Statement => {
    const known = statements.get(sql);
    if (known) return known;
    const fresh = db.prepare(sql);
    statements.set(sql, fresh);
    return fresh;
  };
  function noticing<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      onDamage();
      const advice = 'Start Iris again: what can be computed again is then rebuilt, and your words are kept.';
      throw new AppError('unreadable', `The library is damaged (${String(error)}). ${advice}`, {
        cause: error,
      });
    }
  }
  const connection: Omit<WriteDb, typeof writable> = {
    all: <Row>(sql: string, ...values: Value[]) =>
      noticing(() => statement(sql).all(...bind(sql, values)) as Row[]),
    get: <Row>(sql: string, ...values: Value[]) =>
      noticing(() => statement(sql).get(...bind(sql, values)) as Row | undefined),
    run(sql, ...values) {
      const { changes, lastInsertRowid } = noticing(() => statement(sql).run(...bind(sql, values)));
      return { changes, id: Number(lastInsertRowid) };
    },
    transaction: (work) => db.transaction(work).immediate(),
    close() {
      db.close();
      release();
    },
  };
  return connection as WriteDb;
}
