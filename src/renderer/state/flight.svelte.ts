/** How fast the wall is scrolled, which says how much of it is worth loading and drawing. */

/** Jumps by more than a screen that follow each other within this time are a flight. */
const flightMs = 100;
/** What is in sight is drawn first, and so many pixels above and below it this much later. */
const settleMs = 150;
const aheadOfSight = 480;

export class Flight {
  /** What is flown over is not loaded: nobody sees it. */
  on = $state(false);
  /** Pixels to be drawn above and below what is in sight; none until that has had its time. */
  ahead = $state(0);
  #jumped = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The wall has jumped by more than a screen. */
  jump(): void {
    const now = performance.now();
    this.on = now - this.#jumped < flightMs;
    this.#jumped = now;
    this.ahead = 0;
    this.#after(flightMs, () => {
      this.on = false;
      this.settle();
    });
  }

  /** What is in sight is there to be drawn. */
  settle(): void {
    if (!this.on && this.ahead === 0) this.#after(settleMs, () => (this.ahead = aheadOfSight));
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
