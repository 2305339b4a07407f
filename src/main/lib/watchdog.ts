/** Calls an alarm when any one piece of work that has begun does not end in time. */

/** How many times the limit the clocks may be held before that, too, is an alarm. */
const heldTimes = 20;

export class Watchdog {
  readonly #limitMs: number;
  readonly #alarm: () => void;
  readonly #since = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #heldSince: number | undefined;

  constructor(limitMs: number, alarm: () => void) {
    this.#limitMs = limitMs;
    this.#alarm = alarm;
  }

  begin(id: number): void {
    this.#since.set(id, performance.now());
    this.#timer ??= setInterval(() => this.#check(), Math.min(500, this.#limitMs / 4));
  }

  end(id: number): void {
    this.#since.delete(id);
  }

  /** Holds all clocks while something else has the worker's thread, so that no work is blamed for waiting. */
  hold(held: boolean): void {
    const now = performance.now();
    if (held) this.#heldSince ??= now;
    else if (this.#heldSince !== undefined) {
      const waited = now - this.#heldSince;
      for (const [id, since] of this.#since) this.#since.set(id, Math.min(now, since + waited));
      this.#heldSince = undefined;
    }
  }

  /** Forgets all that has begun and stops looking. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  #clear(): void {
    this.#since.clear();
    this.#heldSince = undefined;
  }

  #check(): void {
    const now = performance.now();
    const late =
      this.#heldSince === undefined
        ? [...this.#since.values()].some((since) => since < now - this.#limitMs)
        : this.#heldSince < now - heldTimes * this.#limitMs;
    if (!late) return;
    this.#clear();
    this.#alarm();
  }
}
