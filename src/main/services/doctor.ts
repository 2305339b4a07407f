/** Says what is true of this installation, with proof: versions, integrity, sizes, the provider really used. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Doctor, ModelInfo } from '../../shared/contract.ts';
import { reasonOf } from '../../shared/errors.ts';
import type { ProbeLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { places } from '../lib/places.ts';
import { counts } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';
import { integrity, schemaVersion } from '../store/results.ts';

export interface DoctorDeps {
  db: ReadDb;
  library: string;
  models: ModelInfo[];
  modelVersion: string | null;
  provider: string;
  /** A process of its own for each provider, since a bad driver may take it down. */
  probe: (provider: string) => Lane<ProbeLane>;
}

export async function examine(deps: DoctorDeps): Promise<Doctor> {
  const found = integrity(deps.db);
  const providers = deps.modelVersion === null ? [] : await proveProviders(deps);
  return {
    versions: await versions(deps.db),
    library: {
      path: deps.library,
      schema: schemaVersion(deps.db),
      integrity: found,
      bytes: await sizes(deps.library),
    },
    counts: counts(deps.db, deps.modelVersion),
    providers,
    models: deps.models,
    connections: connectionsTo(deps.models),
    ok:
      found === 'ok' &&
      deps.models.every((model) => model.state === 'ready') &&
      providers.some((entry) => entry.used),
  };
}

async function proveProviders(deps: DoctorDeps): Promise<Doctor['providers']> {
  const names = await withLane(deps.probe('cpu'), (lane) => lane.providers({}));
  const results: Doctor['providers'] = [];
  for (const name of [...names].reverse()) results.push(await prove(deps, name));
  return results;
}

/** A process that dies of a provider is an answer too. */
async function prove(deps: DoctorDeps, name: string): Promise<Doctor['providers'][number]> {
  try {
    const found = await withLane(deps.probe(name), (lane) => lane.probe({}));
    return { ...found, used: name === deps.provider && found.reason === null };
  } catch (error) {
    return { name, used: false, imagesPerSecond: null, cosine: null, reason: reasonOf(error) };
  }
}

async function withLane<T>(lane: Lane<ProbeLane>, use: (client: ProbeLane) => Promise<T>): Promise<T> {
  try {
    return await use(await lane.get());
  } finally {
    await lane.close();
  }
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
