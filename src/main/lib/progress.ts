/** How far long work is, in words: rate and time left, from what was done in the last ten seconds, and sizes. */

const windowMs = 10_000;

export class Rate {
  readonly #now: () => number;
  readonly #marks: { at: number; done: number }[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes that `done` items are behind us. */
  mark(done: number): void {
    const at = this.#now();
    this.#marks.push({ at, done });
    while ((this.#marks[1]?.at ?? at) < at - windowMs) this.#marks.shift();
  }

  /** Items a second over the window; 0 until two marks are there. */
  get perSecond(): number {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.at <= first.at) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  }

  /** Seconds until `total` at this rate; null until a rate is known. */
  secondsLeft(total: number): number | null {
    const rate = this.perSecond;
    const done = this.#marks.at(-1)?.done ?? 0;
    return rate > 0 ? (total - done) / rate : null;
  }
}

/** `95 s`, `3 min`, `2 h 05 min`: time left as a person would say it. */
export function duration(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Bytes as whole megabytes, rounded up: so much there must be room for. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
