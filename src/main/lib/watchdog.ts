/** Calls an alarm when any one piece of work that has begun does not end in time. */

export class Watchdog {
  readonly #limitMs: number;
  readonly #alarm: () => void;
  readonly #since = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

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

  /** Forgets all that has begun and stops looking. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#since.clear();
  }

  #check(): void {
    const late = performance.now() - this.#limitMs;
    if (![...this.#since.values()].some((since) => since < late)) return;
    this.#since.clear();
    this.#alarm();
  }
}
