/** Says what is true of this installation, with proof: versions, integrity, sizes, the provider really used. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Doctor, ModelInfo } from '../../shared/contract.ts';
import { places } from '../lib/places.ts';
import { counts } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';
import { integrity, schemaVersion } from '../store/results.ts';

export interface DoctorDeps {
  db: ReadDb;
  library: string;
  models: ModelInfo[];
  modelVersion: string | null;
  /** Each provider that was tried, with its proof. */
  providers: Doctor['providers'];
}

export async function examine(deps: DoctorDeps): Promise<Doctor> {
  const found = integrity(deps.db);
  return {
    versions: await versions(deps.db),
    library: {
      path: deps.library,
      schema: schemaVersion(deps.db),
      integrity: found,
      bytes: await sizes(deps.library),
    },
    counts: counts(deps.db, deps.modelVersion),
    providers: deps.providers,
    models: deps.models,
    connections: connectionsTo(deps.models),
    ok:
      found === 'ok' &&
      deps.models.every((model) => model.state === 'ready') &&
      deps.providers.some((entry) => entry.used),
  };
}

async function versions(db: ReadDb): Promise<Record<string, string>> {
  const { version, dependencies } = JSON.parse(
    await readFile(path.join(places.root, 'package.json'), 'utf8'),
  ) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const sqlite = db.get<{ v: string }>('SELECT sqlite_version() AS v')?.v ?? 'unknown';
  const named = ['onnxruntime-node', 'sharp', 'better-sqlite3', 'usearch'];
  return {
    iris: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    sqlite,
    ...Object.fromEntries(named.map((name) => [name, dependencies[name] ?? 'unknown'])),
  };
}

async function sizes(library: string): Promise<Record<string, number>> {
  const names = ['library.db', 'cache.db', 'library.db-wal', 'cache.db-wal'];
  const found = await Promise.all(
    names.map(
      async (name) =>
        [
          name,
          await stat(path.join(library, name)).then(
            (s) => s.size,
            () => 0,
          ),
        ] as const,
    ),
  );
  return Object.fromEntries(found.filter(([, size]) => size > 0));
}

/** Where this library's models may connect to; nothing else in Iris ever does. */
function connectionsTo(models: readonly ModelInfo[]): string {
  const servers = models.flatMap(({ sends }) => sends ?? []);
  return servers.length === 0
    ? 'none made; Iris connects only when you ask it to'
    : `only to ${servers.join(', ')}, when you ask a model there`;
}
