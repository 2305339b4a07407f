/** One writer for a library: an operating-system lock that its holder's death releases. */
import Sqlite from 'better-sqlite3';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../shared/errors.ts';

/**
 * Takes the writer's lock of `directory` or says who holds it.
 *
 * SQLite's own exclusive lock on a file of its own is used because it works the same on every
 * system and never goes stale. The holder's name is only for the message.
 */
export function holdWriterLock(directory: string, holder: string): () => void {
  const note = path.join(directory, 'writer.json');
  const lock = new Sqlite(path.join(directory, 'writer.lock'), { timeout: 0 });
  try {
    lock.pragma('journal_mode = DELETE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY'))
      throw new AppError(
        'busy',
        `${holderOf(note)} has the library in ${directory} open. Close it, or wait for it.`,
      );
    throw error;
  }
  writeFileSync(note, JSON.stringify({ holder, pid: process.pid }));
  return () => lock.close();
}

function holderOf(note: string): string {
  try {
    const { holder, pid } = JSON.parse(readFileSync(note, 'utf8')) as { holder: string; pid: number };
    return `"${holder}" (process ${pid})`;
  } catch {
    return 'Another process'; // the note is written after the lock is taken, so it may not be there yet
  }
}
