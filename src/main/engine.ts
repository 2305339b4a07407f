/** The composition root: the whole application as one plain object that any host can hold. */
import path from 'node:path';
import type { Engine } from '../shared/contract.ts';
import { AppError } from '../shared/errors.ts';
import { Lanes } from './compute/lanes.ts';
import type { Fork } from './compute/ports.ts';
import { places } from './lib/places.ts';
import { listRoots } from './store/browse.ts';
import { libraryExists, openLibrary, type ReadDb, type WriteDb } from './store/database.ts';
import { judge, reconcile, saveSetting } from './store/decisions.ts';
import { removeRoot } from './store/files.ts';
import { thumbnail } from './store/results.ts';
import { clearMessages, writeCaption } from './store/texts.ts';
import { Ask } from './services/ask.ts';
import { classify } from './services/classify.ts';
import { catalog } from './services/catalog.ts';
import { examine } from './services/doctor.ts';
import { exportCaptions, requireFolder, type ExportProgress } from './services/export.ts';
import { modelCalls } from './engine-models.ts';
import { Indexing } from './indexing.ts';
import { Jobs } from './services/jobs.ts';
import { addFolder } from './services/library.ts';
import { tidyModels } from './services/model-folders.ts';
import { Models } from './services/models.ts';
import { listFolder } from './services/home-folders.ts';
import { Pictures } from './services/pictures.ts';
import { providerChoice, Providers } from './services/providers.ts';
import { search, searchTwice, similar, type SearchDeps } from './services/search.ts';

export type { Child, Fork } from './compute/ports.ts';
export { childEnv } from './compute/ports.ts';

export interface EngineOptions {
  /** Folder of the library's databases. */
  library: string;
  /** `write` takes the writer's lock; `read` opens what is there, or an empty library in memory. */
  access: 'write' | 'read';
  /** Models that came with Iris; those a person adds are in the library. */
  modelsDir?: string;
  /** Where models are downloaded from; the environment variable IRIS_HUB or the public hub without it. */
  hub?: string;
  /** Who holds the library, for the message to others. */
  holder?: string;
  /** What models run on: `auto`, or the execution provider that a person chose; IRIS_PROVIDER or their setting without it. */
  provider?: string;
  /** Memory at which a compute process ends itself, beside what its model says it needs. */
  maxRssMb?: number;
  /** After so long without a call the process of a model that does nothing ends. */
  idleMs?: number;
  /** Folders are watched, and looked at when they have rested so long after a change; without it they are not. */
  watchMs?: number;
  computeEntry?: string;
  /** How compute processes are started; Node's own fork without it. */
  fork?: Fork;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { library, modelsDir = places.models } = options;
  const addedDir = path.join(library, 'models');
  const { db, writer } = open(options);
  const writes = (): WriteDb => {
    if (writer) return writer;
    throw new AppError('busy', 'This library is open for reading only, because another Iris holds it.');
  };
  const jobs = new Jobs();
  const changed = (count: number): void => jobs.publish({ type: 'photos', count });
  const onChange = (): void => jobs.publish({ type: 'models' });
  if (writer) await tidyModels(addedDir);
  const models = new Models({ db, shipped: modelsDir, added: addedDir, onChange });
  await models.look(false);
  if (writer) models.settle(writer);
  const lanes: Lanes = new Lanes({
    entry: options.computeEntry ?? places.computeEntry,
    library,
    providerOf: (dir) => providers.of(dir),
    onFault: (...fault) => {
      providers.demote(...fault);
      onChange();
    },
    maxRssMb: options.maxRssMb ?? 4000,
    fork: options.fork,
    inUse: (dir) => models.inUse(dir),
    ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
  });
  const providers: Providers = new Providers({
    ...{ db, writer, choice: providerChoice(db, options.provider) },
    probe: (model, provider) => lanes.probe(model, provider),
    onChange: (dir) => lanes.renew(dir),
  });
  const searchModel = (): ReturnType<Models['serving']>['model'] => models.serving('search').model;
  const decoding = (): ReturnType<Lanes['index']> => lanes.index(searchModel());
  const ask = new Ask({
    db,
    writer,
    index: decoding,
    generate: (model) => lanes.generate(model),
    async model(ability, id) {
      const model = await models.toWrite(ability, id);
      await providers.settle(model.captioner ?? model);
      return model;
    },
  });
  const pictures = new Pictures(db, decoding);
  const finding = async (): Promise<SearchDeps> => {
    const model = await models.use('search');
    return { db, searching: lanes.search(model), index: lanes.index(model) };
  };
  const rebuild = async (): Promise<void> => {
    const { searching } = await finding();
    await (await searching.get()).refresh({ rebuild: true });
  };

  const indexing = new Indexing(
    { db, writes, library, jobs, models, lanes, rebuild, settle: (model) => providers.settle(model) },
    writer ? options.watchMs : undefined,
  );

  return {
    status: async () => ({
      library,
      ...(await (await lanes.browse().get()).status({ model: searchModel()?.version ?? null })),
      ...models.now(),
      demoted: providers.demoted,
      writable: writer !== null,
      notice: models.notice,
    }),
    async addFolder({ path }) {
      const { root } = await addFolder(writes(), path);
      indexing.follow();
      const listed = listRoots(db).find(({ id }) => id === root.id);
      if (!listed) throw new AppError('internal', `The folder ${path} was not kept.`);
      return listed;
    },
    async removeFolder({ id }) {
      removeRoot(writes(), id);
      indexing.follow();
      await rebuild();
    },
    index: (args) => indexing.start(args),
    jobs: () => Promise.resolve(jobs.list()),
    cancel: async ({ job }) => indexing.cancel(job),
    pause: async ({ job }) => jobs.pause(job),
    resume: async ({ job }) => jobs.resume(job),
    ...catalog(db, lanes.browse(), writes, changed),
    async saveSettings(setting) {
      saveSetting(writes(), setting);
      if (setting.key === 'provider') providers.choose(providerChoice(db, options.provider));
    },
    async search({ rerank, ...args }, signal) {
      if (rerank === undefined) return await search(await finding(), args);
      const judge = await models.toJudge(rerank === true ? undefined : rerank);
      const { preprocess, embed } = judge.manifest;
      const own = (await models.use('search'))?.version === judge.version;
      const deps = await finding();
      const by = { lane: lanes.generate(judge), preprocess, ...(own && { blend: embed?.blend }) };
      return await jobs.attend(
        'rerank',
        (progress, stop) => searchTwice(deps, args, { ...by, progress }, stop),
        signal,
      );
    },
    similar: async (args) => await similar(await finding(), args),
    async judge({ query, photos, good }) {
      const found = await Promise.all(photos.map((photo) => ask.find(photo)));
      judge(writes(), query, found, good);
    },
    listFolder: ({ path }) => listFolder(path),
    caption: (args, signal) => ask.caption(args, signal),
    async writeCaption({ id, text }) {
      const entry = writeCaption(writes(), id, text);
      changed(1);
      return entry;
    },
    ask: (args, signal) => ask.ask(args, signal),
    chat: (args, signal) => ask.chat(args, signal),
    async classify({ photo, model: id, ...args }, signal) {
      const { path } = await ask.find(photo);
      const search = await models.use('search');
      const writer = id === undefined ? await models.use('caption') : await models.toWrite('caption', id);
      const sides = {
        search: search && { version: search.version, lane: lanes.search(search) },
        writer: writer && {
          version: writer.version,
          preprocess: writer.manifest.preprocess,
          lane: lanes.generate(writer),
        },
      };
      return await classify({ path, read: (file, make) => ask.read(file, make), ...sides }, args, signal);
    },
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
    ...modelCalls({
      db,
      writes,
      jobs,
      models,
      lanes,
      indexing,
      addedDir,
      onChange,
      modelsDir,
      hub: options.hub,
    }),
    doctor: async () => {
      const model = await models.use('search');
      return await examine({
        ...{ db, library, modelVersion: model?.version ?? null },
        models: await models.list(true),
        providers: await providers.prove(model),
      });
    },
    events: (_, signal) => jobs.events(signal),
    picture: (photoId) => pictures.get(photoId),
    thumbnail: (photoId) => Promise.resolve(thumbnail(db, photoId)),
    async close() {
      await indexing.close();
      await jobs.close();
      await lanes.close();
      db.close();
    },
  };
}

/** For hosts that stay: long enough for a copy of many photos to go on without a look between. */
export const restMs = 2000;

/** Long enough for a page to show its first photos. */
const searchReadyMs = 2000;

/**
 * For hosts with a page: asks what it will ask first before it is there, and a little later has the
 * embeddings read, so that neither it nor the first search waits.
 */
export function makeReady(engine: Engine): void {
  void Promise.allSettled([engine.photos({ offset: 0, limit: 100 }), engine.timeline({}), engine.shapes({})]);
  void Promise.allSettled([engine.status({}), engine.folders({})]);
  setTimeout(() => void engine.search({ query: 'a photo' }).catch(() => undefined), searchReadyMs).unref();
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
