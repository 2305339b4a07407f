/** What the library holds and what it is doing, kept fresh by the engine's events. */
import type { Folder, Job, LibraryEvent, LibraryStatus } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';
import { models } from './models.svelte.ts';

const reconnectMs = 1500;
/** An import tells of new photos many times a second; the page looks that often at most. */
const refreshMs = 700;
/** A look at a large library takes long: the page looks for a tenth of the time at most, while a job runs. */
const lookShare = 0.1;

function isOpen(job: Job): boolean {
  return job.state === 'running' || job.state === 'paused';
}

export class Library {
  status = $state.raw<LibraryStatus | null>(null);
  folders = $state.raw<Folder[]>([]);
  jobs = $state.raw<Job[]>([]);
  reachable = $state(true);
  adding = $state(false);
  addError = $state<string | null>(null);

  /** The job that is under way, also where it is held. */
  readonly running = $derived(this.jobs.find(isOpen) ?? null);
  readonly past = $derived(this.jobs.filter((job) => !isOpen(job)).toSorted((a, b) => b.id - a.id));
  readonly ended = $derived(this.past[0] ?? null);
  /** What the last job that came to its end could not read. */
  readonly report = $derived(this.past.find((job) => job.report !== null)?.report ?? null);
  readonly empty = $derived(this.status !== null && this.status.roots.length === 0);

  readonly #onPhotos: () => void;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  /** How long the last look took. */
  #lookedMs = 0;

  constructor(onPhotos: () => void) {
    this.#onPhotos = onPhotos;
  }

  /** Follows the engine until the signal; a lost engine is looked for again. */
  async follow(signal: AbortSignal): Promise<void> {
    for (;;) {
      const round = new AbortController();
      const both = AbortSignal.any([signal, round.signal]);
      // Events first, so that nothing falls between the state that is read and what follows it.
      await Promise.all([this.#listen(both), this.refresh()]).catch(() => undefined);
      round.abort();
      if (signal.aborted) return;
      this.reachable = false;
      await new Promise((resolve) => setTimeout(resolve, reconnectMs));
    }
  }

  async refresh(): Promise<void> {
    const [status, folders, jobs] = await Promise.all([api.status({}), api.folders({}), api.jobs({})]);
    this.status = status;
    this.folders = folders;
    this.jobs = jobs;
    if (!this.reachable) this.#onPhotos();
    this.reachable = true;
  }

  addFolder(path: string): Promise<boolean> {
    return this.addFolders([path]);
  }

  /** Takes folders in and begins to look at them; false where nothing came of it. */
  async addFolders(paths: readonly string[]): Promise<boolean> {
    if (paths.length === 0) return false;
    return this.#add(async () => {
      for (const path of paths) await api.addFolder({ path });
      return api.index({});
    });
  }

  /** Takes in the photos that come with Iris. */
  addSamples(): Promise<boolean> {
    return this.#add(() => api.index({ samples: true }));
  }

  async removeFolder(id: number): Promise<void> {
    await api.removeFolder({ id });
    await this.refresh();
    this.#onPhotos();
  }

  async #add(begin: () => Promise<Job>): Promise<boolean> {
    this.adding = true;
    this.addError = null;
    try {
      this.#take(await begin());
      await this.refresh();
      this.#onPhotos();
      return true;
    } catch (error) {
      this.addError = reasonOf(error);
      return false;
    } finally {
      this.adding = false;
    }
  }

  /** Looks through folders again, all where none is named, for what is new, changed or gone. */
  async lookAgain(how: Parameters<typeof api.index>[0] = {}): Promise<void> {
    this.addError = null;
    try {
      this.#take(await api.index(how));
    } catch (error) {
      this.addError = reasonOf(error);
    }
  }

  async cancel(job: Job): Promise<void> {
    await api.cancel({ job: job.id });
  }

  /** Holds a running job, or lets a held one go on; its news says the rest. */
  async hold(job: Job): Promise<void> {
    await (job.state === 'paused' ? api.resume({ job: job.id }) : api.pause({ job: job.id }));
    const now = this.jobs.find((other) => other.id === job.id);
    // Unless its news came first.
    if (now?.state === job.state)
      this.#take({ ...now, state: job.state === 'paused' ? 'running' : 'paused' });
  }

  async #listen(signal: AbortSignal): Promise<void> {
    for await (const event of api.events({}, signal)) this.#hear(event);
    throw new Error('The events have ended.');
  }

  #hear(event: LibraryEvent): void {
    if (event.type === 'job') this.#take(event.job);
    if (event.type === 'job' && isOpen(event.job)) return;
    if (event.type !== 'photos' && models.list) void models.load();
    // What a job leaves behind when it ends is shown at once.
    if (event.type === 'job') clearTimeout(this.#refreshTimer);
    else if (this.#refreshTimer !== undefined) return;
    const pause = event.type === 'job' ? refreshMs : Math.max(refreshMs, this.#lookedMs / lookShare);
    this.#refreshTimer = setTimeout(() => void this.#look(), pause);
  }

  async #look(): Promise<void> {
    this.#refreshTimer = undefined;
    const started = performance.now();
    this.#onPhotos();
    await this.refresh().catch(() => undefined);
    this.#lookedMs = performance.now() - started;
  }

  #take(job: Job): void {
    this.jobs = [...this.jobs.filter((other) => other.id !== job.id), job];
  }
}
