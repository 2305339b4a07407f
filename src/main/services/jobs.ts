/** Long work: progress with rate and time left, cancelling, and news for everyone who listens. */
import type { IndexReport, Job, LibraryEvent } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { Channel } from '../lib/channel.ts';
import { Rate } from '../lib/progress.ts';

const newsMs = 200;
const remembered = 20;

export interface Progress {
  phase(phase: Job['phase'], total: number): void;
  done(count: number): void;
}

interface Running {
  job: Job;
  controller: AbortController;
  finished: Promise<void>;
}

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

  /** Starts work that reports through `Progress`; one job at a time, since one writer does them all. */
  start(run: (progress: Progress, signal: AbortSignal) => Promise<IndexReport>): Job {
    if (this.#running.size > 0)
      throw new AppError('busy', 'Iris is indexing already. Wait for it, or cancel it.');
    const controller = new AbortController();
    const job: Job = {
      id: this.#nextId++,
      kind: 'index',
      state: 'running',
      phase: 'scan',
      done: 0,
      total: 0,
      rate: 0,
      secondsLeft: null,
      report: null,
      error: null,
    };
    const finished = this.#follow(job, run, controller.signal);
    this.#running.set(job.id, { job, controller, finished });
    return { ...job };
  }

  async #follow(
    job: Job,
    run: (progress: Progress, signal: AbortSignal) => Promise<IndexReport>,
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.resolve(); // the caller gets the job before its first news
    try {
      job.report = await run(this.#progressOf(job), signal);
      job.state = signal.aborted ? 'cancelled' : 'done';
    } catch (error) {
      job.state = signal.aborted ? 'cancelled' : 'failed';
      job.error = signal.aborted ? null : reasonOf(error);
    }
    job.phase = 'finished';
    this.#running.delete(job.id);
    this.#past = [...this.#past, job].slice(-remembered);
    this.publish({ type: 'job', job: { ...job } });
  }

  #progressOf(job: Job): Progress {
    let rate = new Rate();
    let told = 0;
    const tell = (): void => {
      job.rate = rate.perSecond;
      job.secondsLeft = job.total > 0 ? rate.secondsLeft(job.total) : null;
      told = performance.now();
      this.publish({ type: 'job', job: { ...job } });
    };
    return {
      phase(phase, total) {
        Object.assign(job, { phase, total, done: 0 });
        rate = new Rate();
        rate.mark(0);
        tell();
      },
      done(count) {
        job.done = count;
        rate.mark(count);
        if (performance.now() - told > newsMs) tell();
      },
    };
  }

  cancel(id: number): void {
    const entry = this.#running.get(id);
    if (!entry) throw new AppError('not-found', `There is no running job ${id}.`);
    entry.controller.abort();
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
    for (const { controller } of this.#running.values()) controller.abort();
    await Promise.all([...this.#running.values()].map((entry) => entry.finished));
    for (const listener of this.#listeners) listener.end();
  }
}
