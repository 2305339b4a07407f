/** The schema as an append-only list of steps; a library made by a newer Iris is refused, untouched. */
import type Sqlite from 'better-sqlite3';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../shared/errors.ts';

/** `library.db`: what a person decided or wrote, and which photo is which. */
export const libraryMigrations: readonly string[] = [
  `CREATE TABLE main.root (
     id INTEGER PRIMARY KEY,
     path BLOB NOT NULL UNIQUE,
     state TEXT NOT NULL DEFAULT 'online' CHECK (state IN ('online', 'offline'))
   ) STRICT;
   CREATE TABLE main.photo (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     pixel_hash BLOB NOT NULL
   ) STRICT;
   CREATE INDEX main.photo_pixel_hash ON photo (pixel_hash);
   CREATE TABLE main.file (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     root_id INTEGER NOT NULL REFERENCES root (id) ON DELETE CASCADE,
     path BLOB NOT NULL,                 -- relative to the root, raw bytes, '/' between parts
     folder TEXT NOT NULL,               -- the same for showing: NFC
     name TEXT NOT NULL,
     size INTEGER NOT NULL,
     mtime_us INTEGER NOT NULL,
     ctime_us INTEGER NOT NULL,
     inode TEXT NOT NULL,
     hash BLOB,                          -- SHA-256 of the content; null until read
     photo_id INTEGER REFERENCES photo (id),
     present INTEGER NOT NULL DEFAULT 1,
     dirty INTEGER NOT NULL DEFAULT 1,   -- new or changed since it was last read
     UNIQUE (root_id, path)
   ) STRICT;
   CREATE INDEX main.file_photo ON file (photo_id);
   CREATE INDEX main.file_hash ON file (hash);
   CREATE INDEX main.file_dirty ON file (dirty) WHERE dirty = 1;
   CREATE TABLE main.text (              -- a person's words; a model's are in the cache
     id INTEGER PRIMARY KEY,
     photo_id INTEGER NOT NULL REFERENCES photo (id),
     kind TEXT NOT NULL CHECK (kind IN ('caption', 'alt', 'tag', 'note')),
     text TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX main.text_photo ON text (photo_id, kind, id);
   CREATE TABLE main.message (
     id INTEGER PRIMARY KEY,
     photo_id INTEGER NOT NULL REFERENCES photo (id),
     role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
     text TEXT NOT NULL,
     model TEXT,
     sent TEXT,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX main.message_photo ON message (photo_id, id);
   CREATE TABLE main.sidecar (           -- files that export wrote, so that it never touches another's
     path BLOB PRIMARY KEY,
     hash BLOB NOT NULL
   ) STRICT;`,
  `CREATE TABLE main.rating (            -- a person's stars; 0 says "none", also where the file carries some
     photo_id INTEGER PRIMARY KEY REFERENCES photo (id),
     stars INTEGER NOT NULL CHECK (stars BETWEEN 0 AND 5)
   ) STRICT;
   CREATE TABLE main.tag (
     photo_id INTEGER NOT NULL REFERENCES photo (id),
     name TEXT NOT NULL COLLATE NOCASE,
     PRIMARY KEY (photo_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX main.tag_name ON tag (name, photo_id);
   CREATE TABLE main.search (            -- searches a person saved
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     query TEXT NOT NULL,
     filter TEXT NOT NULL                -- the contract's Filter
   ) STRICT;
   CREATE TABLE main.setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE INDEX main.file_shown ON file (photo_id, root_id, folder)
     WHERE present = 1 AND photo_id IS NOT NULL;
   CREATE INDEX main.file_folder ON file (root_id, folder, photo_id)
     WHERE present = 1 AND photo_id IS NOT NULL;
   CREATE INDEX main.file_name ON file (name COLLATE NOCASE, photo_id)
     WHERE present = 1 AND photo_id IS NOT NULL;`,
  // What an answer was chosen from, as JSON: a list of the contract's KnownAnswer.
  'ALTER TABLE main.message ADD COLUMN answers TEXT;',
  // How sure the model was of an answer, as JSON: the contract's Sureness.
  'ALTER TABLE main.message ADD COLUMN sureness TEXT;',
  // What a person said of a photo that a search found: whether it is what they looked for.
  `CREATE TABLE main.judgement (
     query TEXT NOT NULL,
     photo_id INTEGER NOT NULL REFERENCES photo (id),
     good INTEGER NOT NULL CHECK (good IN (0, 1)),
     PRIMARY KEY (query, photo_id)
   ) STRICT, WITHOUT ROWID;`,
  // What an answer says is where, as JSON: a list of the contract's Found.
  'ALTER TABLE main.message ADD COLUMN boxes TEXT;',
];

/** `cache.db`: everything that can be computed again from the photos. */
export const cacheMigrations: readonly string[] = [
  `CREATE TABLE cache.metadata (
     photo_id INTEGER PRIMARY KEY,
     width INTEGER NOT NULL,
     height INTEGER NOT NULL,
     colour TEXT NOT NULL,
     taken_at TEXT NOT NULL,
     json TEXT NOT NULL                  -- the contract's PhotoMetadata
   ) STRICT;
   CREATE INDEX cache.metadata_taken ON metadata (taken_at DESC, photo_id DESC);
   CREATE TABLE cache.thumbnail (photo_id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL) STRICT;
   CREATE TABLE cache.embedding (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- grows with every write: a reader asks for what is new
     photo_id INTEGER NOT NULL,
     model TEXT NOT NULL,
     vector BLOB NOT NULL,               -- float16, unit norm
     UNIQUE (photo_id, model)
   ) STRICT;
   CREATE TABLE cache.prefix (           -- image tokens from the same vision pass, until captioned
     photo_id INTEGER NOT NULL,
     model TEXT NOT NULL,
     tokens BLOB NOT NULL,               -- float16
     PRIMARY KEY (photo_id, model)
   ) STRICT;
   CREATE TABLE cache.caption (
     id INTEGER PRIMARY KEY,
     photo_id INTEGER NOT NULL,
     model TEXT NOT NULL,
     prompt TEXT NOT NULL,
     text TEXT NOT NULL,
     confidence REAL NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX cache.caption_photo ON caption (photo_id, id);
   CREATE TABLE cache.problem (          -- files that are no photo, or could not be read
     file_id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL CHECK (kind IN ('skipped', 'failed')),
     reason TEXT NOT NULL
   ) STRICT;
   CREATE TABLE cache.in_flight (        -- written before a risky file is opened
     file_id INTEGER PRIMARY KEY,
     deaths INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE VIRTUAL TABLE cache.words USING fts5 (
     caption, name, chat, tokenize = 'porter unicode61 remove_diacritics 2'
   );                                    -- rowid is the photo's id`,
  // What photos are filtered and sorted by, in one index that answers without reading the rows.
  `ALTER TABLE cache.metadata ADD COLUMN camera TEXT;
   ALTER TABLE cache.metadata ADD COLUMN format TEXT;
   ALTER TABLE cache.metadata ADD COLUMN latitude REAL;
   ALTER TABLE cache.metadata ADD COLUMN longitude REAL;
   ALTER TABLE cache.metadata ADD COLUMN stars INTEGER NOT NULL DEFAULT 0;      -- a person's, else the file's
   ALTER TABLE cache.metadata ADD COLUMN captioned INTEGER NOT NULL DEFAULT 0;  -- by a person or a model
   UPDATE cache.metadata SET
     camera = json ->> '$.camera', format = json ->> '$.format',
     latitude = json ->> '$.latitude', longitude = json ->> '$.longitude',
     stars = coalesce((SELECT r.stars FROM main.rating r WHERE r.photo_id = metadata.photo_id),
                      min(5, max(0, json ->> '$.rating')), 0),
     captioned = EXISTS (SELECT 1 FROM cache.caption c WHERE c.photo_id = metadata.photo_id)
       OR coalesce((SELECT t.text FROM main.text t WHERE t.photo_id = metadata.photo_id
                    AND t.kind = 'caption' ORDER BY t.id DESC LIMIT 1), '') <> '';
   DROP INDEX cache.metadata_taken;
   CREATE INDEX cache.metadata_browse ON metadata
     (taken_at DESC, photo_id DESC, camera, format, latitude, longitude, stars, captioned);
   CREATE INDEX cache.metadata_stars ON metadata (stars DESC, taken_at DESC, photo_id DESC);`,
  // The sizes of all photos, without reading their rows.
  'CREATE INDEX cache.metadata_size ON metadata (photo_id, width, height);',
  // What a caption says is where, as JSON: a list of the contract's Found.
  'ALTER TABLE cache.caption ADD COLUMN boxes TEXT;',
];

/** The schema of one database; throws for one that these steps do not reach. */
export function refuseNewer(db: Sqlite.Database, name: 'main' | 'cache', steps: readonly string[]): number {
  const found = db.pragma(`${name}.user_version`, { simple: true }) as number;
  if (found > steps.length)
    throw new AppError(
      'newer-library',
      `This library was written by a newer Iris (schema ${found}, this one knows ${steps.length}). ` +
        'Nothing was changed. Install the newer version to open it.',
    );
  return found;
}

/** Brings one database to the newest schema: a backup first, then every step in one transaction. */
export function migrate(db: Sqlite.Database, name: 'main' | 'cache', steps: readonly string[]): void {
  const from = refuseNewer(db, name, steps);
  if (from === steps.length) return;
  if (from > 0 && name === 'main') backUp(db, from);
  db.transaction(() => {
    for (const step of steps.slice(from)) db.exec(step);
    db.pragma(`${name}.user_version = ${steps.length}`);
  }).immediate();
}

function backUp(db: Sqlite.Database, schema: number): void {
  if (db.memory) return;
  const folder = path.join(path.dirname(db.name), 'backups');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(':', '-');
  db.prepare('VACUUM main INTO ?').run(path.join(folder, `library-schema${schema}-${stamp}.db`));
}
