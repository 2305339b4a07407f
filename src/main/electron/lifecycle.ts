/** How the app lives and ends: quitting once, reloading a crashed page, jobs over a sleep, progress, news. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Api, Job } from '../../shared/contract.ts';

/** Lets a page that crashed be loaded again, but not for ever. */
export class CrashLimit {
  readonly #most: number;
  readonly #withinMs: number;
  #times: number[] = [];

  constructor(most = 3, withinMs = 60_000) {
    this.#most = most;
    this.#withinMs = withinMs;
  }

  /** Whether to reload after a crash at `now` (milliseconds). */
  mayReload(now: number): boolean {
    this.#times = this.#times.filter((time) => now - time < this.#withinMs);
    if (this.#times.length >= this.#most) return false;
    this.#times.push(now);
    return true;
  }
}

/**
 * An end in good order: the first wish to quit is held back until `close` has drained the store, or the
 * time is up; then `exit` is called, once. Further wishes while that goes on are held back too.
 */
export class Quit {
  readonly #close: () => Promise<void>;
  readonly #exit: () => void;
  readonly #limitMs: number;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(close: () => Promise<void>, exit: () => void, limitMs = 10_000) {
    this.#close = close;
    this.#exit = exit;
    this.#limitMs = limitMs;
  }

  get closing(): boolean {
    return this.#state !== 'open';
  }

  /** For `before-quit`. */
  wish(event: { preventDefault(): void }): void {
    if (this.#state === 'closed') return;
    event.preventDefault();
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    void this.#end();
  }

  async #end(): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      this.#close().catch(() => undefined),
      delay(this.#limitMs, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
    this.#state = 'closed';
    this.#exit();
  }
}

/** Pauses what runs before the machine sleeps, and lets only that go on afterwards. */
export class SleepGuard {
  readonly #api: Pick<Api, 'jobs' | 'pause' | 'resume'>;
  #paused = new Set<number>();

  constructor(api: Pick<Api, 'jobs' | 'pause' | 'resume'>) {
    this.#api = api;
  }

  async suspend(): Promise<void> {
    for (const { id, state } of await this.#api.jobs({})) {
      if (state !== 'running') continue;
      // A job that has ended in the meantime needs no pause.
      const paused = await this.#api.pause({ job: id }).then(
        () => true,
        () => false,
      );
      if (paused) this.#paused.add(id);
    }
  }

  async resume(): Promise<void> {
    const jobs = [...this.#paused];
    this.#paused = new Set();
    for (const job of jobs) await this.#api.resume({ job }).catch(() => undefined);
  }
}

/** What the dock or taskbar shows: a part of 1, 2 for "going on, no end known", -1 for nothing. */
export function progressOf(job: Job): number {
  if (job.state !== 'running' && job.state !== 'paused') return -1;
  return job.total > 0 ? Math.min(1, job.done / job.total) : 2;
}

const worthTellingMs = 30_000;

/** Remembers since when jobs run, to tell of the end of a long one to someone who looks elsewhere. */
export class JobNews {
  readonly #since = new Map<number, number>();

  /** Whether this news of a job is worth a notification. */
  take(job: Job, focused: boolean, now: number): boolean {
    const since = this.#since.get(job.id) ?? now;
    if (job.state === 'running' || job.state === 'paused') {
      this.#since.set(job.id, since);
      return false;
    }
    this.#since.delete(job.id);
    return job.state !== 'cancelled' && !focused && now - since > worthTellingMs;
  }
}
