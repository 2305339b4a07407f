/** Long work: progress with rate and time left, holding and cancelling it, and news for everyone who listens. */
import type { IndexReport, Job, LibraryEvent } from '../../shared/contract.ts';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { Channel, Gate } from '../lib/channel.ts';
import { Rate } from '../lib/progress.ts';

const newsMs = 200;
const remembered = 20;

export interface Progress {
  phase(phase: Job['phase'], total: number): void;
  done(count: number): void;
  /** To be awaited between two steps: returns at once, or when a job that was paused goes on or is cancelled. */
  pass(): Promise<void>;
}

/** Whether a person asked for a job, or Iris does it of its own accord. */
export type Ground = 'foreground' | 'background';

export type Work<T> = (progress: Progress, signal: AbortSignal) => Promise<T>;

interface Running {
  job: Job;
  ground: Ground;
  controller: AbortController;
  gate: Gate;
  /** Of the present phase since its start, or since it was resumed. */
  rate: Rate;
  toldAt: number;
  finished: Promise<unknown>;
}

const firstPhase = { index: 'scan', export: 'export', model: 'copy', rerank: 'match' } as const;
const busy = {
  index: 'Iris is indexing already. Wait for it, or cancel it.',
  export: 'Iris is exporting already. Wait for it, or cancel it.',
  model: 'Iris is adding a model already. Wait for it, or cancel it.',
  rerank: 'Iris is looking at the photos of another search. Wait for it, or cancel it.',
};

/** One job of each kind at a time. */
export class Jobs {
  readonly #running = new Map<number, Running>();
  readonly #listeners = new Set<Channel<LibraryEvent>>();
  #past: Job[] = [];
  #nextId = 1;

  list(): Job[] {
    return [...this.#past, ...[...this.#running.values()].map((entry) => entry.job)].map((job) => ({
      ...job,
    }));
  }

  /** Starts indexing and returns at once; the report becomes the job's. */
  start(work: Work<IndexReport>, ground: Ground = 'foreground'): Job {
    const entry = this.#begin('index', ground);
    return this.#launch(entry, async (progress, signal) => {
      entry.job.report = await work(progress, signal);
    });
  }

  /** Starts to bring the model of this id here, and returns at once. */
  startModel(model: string, work: Work<unknown>): Job {
    const entry = this.#begin('model');
    Object.assign(entry.job, { model, phase: 'download' });
    return this.#launch(entry, work);
  }

  #launch(entry: Running, work: Work<unknown>): Job {
    const job = { ...entry.job };
    entry.finished = this.#run(entry, async (progress, signal) => {
      await Promise.resolve(); // the caller gets the job before its first news
      await work(progress, signal);
    }).catch(() => undefined); // told in the job
    return job;
  }

  /** Does a call's work as a job; its result is the call's, and the call's own signal cancels it too. */
  async attend<T>(kind: Job['kind'], work: Work<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    const entry = this.#begin(kind);
    const stop = (): void => abort(entry);
    signal?.addEventListener('abort', stop, { once: true });
    const result = this.#run(entry, work);
    entry.finished = result.catch(() => undefined);
    return await result.finally(() => signal?.removeEventListener('abort', stop));
  }

  runs(kind: Job['kind']): boolean {
    return [...this.#running.values()].some((entry) => entry.job.kind === kind);
  }

  #begin(kind: Job['kind'], ground: Ground = 'foreground'): Running {
    if (this.runs(kind)) throw new AppError('busy', busy[kind]);
    const entry: Running = {
      job: newJob(this.#nextId++, kind),
      ground,
      controller: new AbortController(),
      gate: new Gate(),
      rate: new Rate(),
      toldAt: 0,
      finished: Promise.resolve(),
    };
    this.#running.set(entry.job.id, entry);
    return entry;
  }

  async #run<T>(entry: Running, work: Work<T>): Promise<T> {
    const { job, controller } = entry;
    const cancelled = (): boolean => controller.signal.aborted;
    try {
      const result = await work(this.#progressOf(entry), controller.signal);
      job.state = cancelled() ? 'cancelled' : 'done';
      return result;
    } catch (error) {
      job.state = cancelled() ? 'cancelled' : 'failed';
      job.error = cancelled() ? null : reasonOf(error);
      throw error;
    } finally {
      job.phase = 'finished';
      this.#running.delete(job.id);
      if (worthTelling(entry)) this.#past = [...this.#past, job].slice(-remembered);
      this.publish({ type: 'job', job: { ...job } });
    }
  }

  #progressOf(entry: Running): Progress {
    return {
      phase: (phase, total) => {
        Object.assign(entry.job, { phase, total, done: 0 });
        this.#restartRate(entry);
      },
      done: (count) => {
        entry.job.done = count;
        if (!entry.gate.isShut) entry.rate.mark(count);
        if (performance.now() - entry.toldAt > newsMs) this.#tell(entry);
      },
      pass: () => entry.gate.pass(),
    };
  }

  #restartRate(entry: Running): void {
    entry.rate = new Rate();
    if (!entry.gate.isShut) entry.rate.mark(entry.job.done);
    this.#tell(entry);
  }

  #tell(entry: Running): void {
    const { job, rate } = entry;
    job.rate = rate.perSecond;
    job.secondsLeft = job.total > 0 ? rate.secondsLeft(job.total) : null;
    entry.toldAt = performance.now();
    this.publish({ type: 'job', job: { ...job } });
  }

  /** Holds the job before its next step. */
  pause(id: number): void {
    const entry = this.#find(id);
    if (entry.gate.isShut || entry.controller.signal.aborted) return;
    entry.gate.shut();
    entry.job.state = 'paused';
    this.#restartRate(entry);
  }

  resume(id: number): void {
    const entry = this.#find(id);
    if (!entry.gate.isShut) return;
    entry.gate.open();
    entry.job.state = 'running';
    this.#restartRate(entry);
  }

  cancel(id: number): void {
    abort(this.#find(id));
  }

  /** Cancels the job of this kind, if one runs, or only one that Iris began; waits for its end. Tells whether there was one. */
  async stop(kind: Job['kind'], only?: Ground): Promise<boolean> {
    const entry = [...this.#running.values()].find(
      ({ job, ground }) => job.kind === kind && (only === undefined || ground === only),
    );
    if (!entry) return false;
    abort(entry);
    await entry.finished;
    return true;
  }

  #find(id: number): Running {
    const entry = this.#running.get(id);
    if (!entry) throw new AppError('not-found', `There is no running job ${id}.`);
    return entry;
  }

  publish(event: LibraryEvent): void {
    for (const listener of this.#listeners) listener.push(event);
  }

  /** News from now on, until the caller leaves or the signal aborts. */
  async *events(signal?: AbortSignal): AsyncGenerator<LibraryEvent> {
    const channel = new Channel<LibraryEvent>();
    this.#listeners.add(channel);
    signal?.addEventListener('abort', () => channel.end(), { once: true });
    try {
      for (const { job } of this.#running.values()) channel.push({ type: 'job', job: { ...job } });
      yield* channel;
    } finally {
      this.#listeners.delete(channel);
    }
  }

  /** Cancels what runs and waits until it has let go of the store. */
  async close(): Promise<void> {
    const running = [...this.#running.values()];
    running.forEach(abort);
    await Promise.all(running.map((entry) => entry.finished));
    for (const listener of this.#listeners) listener.end();
  }
}

/** A look of Iris' own that found all as it was is no news. */
function worthTelling({ job, ground }: Running): boolean {
  return ground === 'foreground' || job.state === 'failed' || (job.report?.indexed ?? 0) > 0;
}

/** Also lets go of what is held: a cancelled job has to see that it is. */
function abort({ controller, gate }: Running): void {
  controller.abort();
  gate.open();
}

function newJob(id: number, kind: Job['kind']): Job {
  return {
    id,
    kind,
    state: 'running',
    phase: firstPhase[kind],
    done: 0,
    total: 0,
    rate: 0,
    secondsLeft: null,
    report: null,
    error: null,
  };
}
