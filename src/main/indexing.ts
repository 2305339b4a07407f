/** Which folders are looked at, and when: as a person asks, and as the folders change. */
import type { Args, Job } from '../shared/contract.ts';
import type { Lanes } from './compute/lanes.ts';
import { runIndex } from './index-job.ts';
import { places } from './lib/places.ts';
import type { ReadDb, WriteDb } from './store/database.ts';
import { roots } from './store/files.ts';
import type { Ground, Jobs } from './services/jobs.ts';
import { addFolders, type Target } from './services/library.ts';
import type { Models, Usable } from './services/models.ts';
import { Watch } from './services/watch.ts';

export interface IndexingDeps {
  db: ReadDb;
  /** The way to write, or an error that says who has it. */
  writes: () => WriteDb;
  library: string;
  jobs: Jobs;
  models: Models;
  lanes: Lanes;
  /** What can be found has changed. */
  rebuild: () => Promise<void>;
  /** Finds out what a model is to run on. */
  settle: (model: Usable | null) => Promise<void>;
}

type How = Pick<Args<'index'>, 'captions' | 'retry' | 'accept' | 'model'>;

export class Indexing {
  readonly #deps: IndexingDeps;
  readonly #watch: Watch | undefined;

  /** Folders are watched where `watchMs` is given: how long one has to rest before it is looked at. */
  constructor(deps: IndexingDeps, watchMs: number | undefined) {
    this.#deps = deps;
    const { db, library } = deps;
    if (watchMs === undefined) return;
    this.#watch = new Watch({ db, library, restMs: watchMs, look: (ids) => this.#lookAgain(ids) });
    this.follow();
  }

  /** The folders of the library are others now. */
  follow(): void {
    void this.#watch?.follow();
  }

  async start({ folders, samples = false, ...how }: Args<'index'>): Promise<Job> {
    const { jobs } = this.#deps;
    const db = this.#deps.writes();
    if (how.model !== undefined) await this.#deps.models.named(how.model, 'search');
    const named = samples ? [places.samples] : folders;
    const targets = named ? await addFolders(db, named) : this.#all();
    // A look of Iris' own makes way, and is made up for later.
    if (await jobs.stop('index', 'background')) this.#watch?.mark(this.#all().map(({ root }) => root.id));
    this.follow();
    return await this.#run(targets, how, 'foreground');
  }

  cancel(job: number): void {
    this.#deps.jobs.cancel(job);
    this.#watch?.forget();
  }

  /** A job that runs goes on with the new model for searching; else one starts where photos wait for it. */
  async withModel(id: string): Promise<Job | null> {
    const { models, jobs, rebuild, writes } = this.#deps;
    await models.choose(writes(), 'search', id);
    const stopped = await jobs.stop('index');
    if (!models.switching) await rebuild();
    return models.switching || stopped ? await this.start({ captions: stopped }) : null;
  }

  #all(): Target[] {
    return roots(this.#deps.db).map((root) => ({ root, start: '' }));
  }

  #lookAgain(rootIds: number[]): Promise<Job> | undefined {
    if (this.#deps.jobs.runs('index')) return undefined;
    const targets = this.#all().filter(({ root }) => rootIds.includes(root.id));
    return this.#run(targets, {}, 'background');
  }

  async #run(targets: Target[], how: How, ground: Ground): Promise<Job> {
    const { writes, jobs, models, lanes, rebuild, settle } = this.#deps;
    const { captions = true, retry = false, accept = false } = how;
    const db = writes();
    const model = await models.toIndex();
    const writer = await models.use('caption');
    const onIndexed = async (): Promise<void> => {
      if (models.settle(db)) await rebuild();
    };
    const asked = how.model === undefined ? null : await models.named(how.model, 'search');
    const also = asked?.version === model?.version ? null : asked;
    for (const each of [model, also, ...(captions ? [writer] : [])]) await settle(each);
    const told = { also, captions, retry, accept, onPresence: rebuild, onIndexed };
    const job = { db, lanes, model, writer, targets, ...told };
    return jobs.start((progress, signal) => runIndex(job, progress, signal), ground);
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }
}
