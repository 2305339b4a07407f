/** The composition root: the whole application as one plain object that any host can hold. */
import os from 'node:os';
import type { Engine, LibraryStatus } from '../shared/contract.ts';
import { AppError } from '../shared/errors.ts';
import {
  generateStreams,
  indexStreams,
  searchStreams,
  type GenerateLane,
  type IndexLane,
  type LaneConfig,
  type ProbeLane,
  type SearchLane,
} from './compute/messages.ts';
import type { Fork } from './compute/ports.ts';
import { superviseLane, type Lane } from './compute/supervisor.ts';
import { places } from './lib/places.ts';
import { counts } from './store/browse.ts';
import { libraryExists, openLibrary, type ReadDb, type WriteDb } from './store/database.ts';
import { reconcile } from './store/decisions.ts';
import { removeRoot, roots } from './store/files.ts';
import { thumbnail } from './store/results.ts';
import { clearMessages, writeCaption } from './store/texts.ts';
import { Ask } from './services/ask.ts';
import { catalog } from './services/catalog.ts';
import { examine } from './services/doctor.ts';
import { exportCaptions, requireFolder, type ExportProgress } from './services/export.ts';
import { runIndex } from './index-job.ts';
import { Jobs } from './services/jobs.ts';
import { addFolder, addFolders, listRoots } from './services/library.ts';
import { chooseModel } from './services/models.ts';
import { listFolder } from './services/home-folders.ts';
import { Pictures } from './services/pictures.ts';
import { search, similar } from './services/search.ts';

export type { Child, Fork } from './compute/ports.ts';
export { childEnv } from './compute/ports.ts';

export interface EngineOptions {
  /** Folder of the library's databases. */
  library: string;
  /** `write` takes the writer's lock; `read` opens what is there, or an empty library in memory. */
  access: 'write' | 'read';
  modelsDir?: string;
  /** Who holds the library, for the message to others. */
  holder?: string;
  /** Execution provider for all lanes. */
  provider?: string;
  /** Memory at which a compute process ends itself. */
  maxRssMb?: number;
  computeEntry?: string;
  /** How compute processes are started; Node's own fork without it. */
  fork?: Fork;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const {
    library,
    modelsDir = places.models,
    provider = 'cpu',
    computeEntry = places.computeEntry,
  } = options;
  const { model, notice } = await chooseModel(modelsDir);
  const { db, writer } = open(options);
  const version = model?.info.version ?? null;
  const cores = os.availableParallelism();

  function lane<T extends object>(
    name: LaneConfig['lane'],
    streams: readonly string[],
    threads: number,
    by = provider,
  ): Lane<T> {
    const config: LaneConfig = {
      lane: name,
      library,
      modelDir: model?.dir ?? null,
      provider: by,
      threads,
      maxRssMb: options.maxRssMb ?? 4000,
    };
    return superviseLane<T>(computeEntry, config, streams, options.fork);
  }
  const index = lane<IndexLane>('index', indexStreams, cores);
  const searching = lane<SearchLane>('search', searchStreams, 1);
  const generate = lane<GenerateLane>('generate', generateStreams, cores);

  const jobs = new Jobs();
  const changed = (count: number): void => jobs.publish({ type: 'photos', count });
  const writes = (): WriteDb => {
    if (writer) return writer;
    throw new AppError('busy', 'This library is open for reading only, because another Iris holds it.');
  };
  const modelVersion = (): string => {
    if (version !== null) return version;
    throw new AppError('model', notice ?? 'There is no model.');
  };
  const ask = new Ask({ db, writer, generate, index, model: modelVersion });

  const finding = { db, searching, index, model: version };
  const pictures = new Pictures(db, index);

  return {
    status: () =>
      Promise.resolve<LibraryStatus>({
        library,
        ...counts(db, version),
        roots: listRoots(db),
        model: model && { id: model.info.id, name: model.info.name },
        writable: writer !== null,
        notice,
      }),
    async addFolder({ path }) {
      const { root } = await addFolder(writes(), path);
      const listed = listRoots(db).find(({ id }) => id === root.id);
      if (!listed) throw new AppError('internal', `The folder ${path} was not kept.`);
      return listed;
    },
    async removeFolder({ id }) {
      removeRoot(writes(), id);
      await (await searching.get()).refresh({ rebuild: true });
    },
    index: async ({ folders: chosen, samples = false, captions = true, retry = false, accept = false }) => {
      const db = writes();
      const named = samples ? [places.samples] : chosen;
      const targets = named ? await addFolders(db, named) : roots(db).map((root) => ({ root, start: '' }));
      const job = { db, index, generate, search: searching, model, captions, retry, accept, targets };
      return jobs.start((progress, signal) => runIndex(job, progress, signal));
    },
    jobs: () => Promise.resolve(jobs.list()),
    cancel: async ({ job }) => jobs.cancel(job),
    pause: async ({ job }) => jobs.pause(job),
    resume: async ({ job }) => jobs.resume(job),
    ...catalog(db, writes, changed),
    search: (args) => search(finding, args),
    similar: (args) => similar(finding, args),
    listFolder: ({ path }) => listFolder(path),
    caption: ({ photo, prompt }, signal) => ask.caption(photo, prompt, signal),
    async writeCaption({ id, text }) {
      const entry = writeCaption(writes(), id, text);
      changed(1);
      return entry;
    },
    ask: ({ photo, question }, signal) => ask.ask(photo, question, signal),
    chat: ({ photo, ...asking }, signal) => ask.chat(photo, asking, signal),
    clearChat: async ({ id }) => clearMessages(writes(), id),
    async export({ dryRun, ...request }, signal) {
      if (dryRun) return await exportCaptions({ db, writer: null }, request, unheard, signal);
      const writer = writes();
      requireFolder(request);
      return await jobs.attend(
        'export',
        (progress, stop) => exportCaptions({ db, writer }, request, progress, stop),
        signal,
      );
    },
    models: () => chooseModel(modelsDir).then(({ all }) => all),
    doctor: async () =>
      examine({
        db,
        library,
        provider,
        modelVersion: version,
        models: (await chooseModel(modelsDir)).all,
        probe: (name) => lane<ProbeLane>('probe', [], cores, name),
      }),
    events: (_, signal) => jobs.events(signal),
    picture: (photoId) => pictures.get(photoId),
    thumbnail: (photoId) => Promise.resolve(thumbnail(db, photoId)),
    async close() {
      await jobs.close();
      await Promise.all([index.close(), searching.close(), generate.close()]);
      db.close();
    },
  };
}

/** A dry run is no job: it changes nothing, and a person asks for one after another. */
const unheard: ExportProgress = {
  phase: () => undefined,
  done: () => undefined,
  pass: () => Promise.resolve(),
};

function open({ library, access, holder }: EngineOptions): { db: ReadDb; writer: WriteDb | null } {
  if (access === 'read') {
    const db = libraryExists(library) ? openLibrary(library, 'read') : openLibrary(library, 'memory');
    return { db, writer: null };
  }
  const writer = openLibrary(library, 'write', holder);
  reconcile(writer);
  return { db: writer, writer };
}
