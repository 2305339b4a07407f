/** Small pieces for asynchronous flow: a queue that is read as a stream, and a bounded pipeline. */

/** Values pushed from callbacks, read in order by one `for await`. */
export class Channel<T> {
  #values: T[] = [];
  #ended = false;
  #failure: { error: unknown } | undefined;
  #wake: () => void = () => undefined;

  push(value: T): void {
    this.#values.push(value);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The reader gets what came before, then this error. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift() as T;
      if (this.#failure) throw this.#failure.error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Runs `work` on each item, at most `width` at once, and stops taking items after the first error. */
export async function forEachBounded<T>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  for await (const item of items) {
    if (failure) break;
    const task: Promise<void> = work(item)
      .then(() => undefined)
      .catch((error: unknown) => (failure ??= { error }))
      .then(() => void running.delete(task));
    running.add(task);
    if (running.size >= width) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}

/** A gate that lets at most `width` tasks run at once; the others wait their turn. */
export function limiter(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = width;
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/** A gate between two steps of long work: while it is shut, what comes to it waits. */
export class Gate {
  #shut: Promise<void> | undefined;
  #release: () => void = () => undefined;

  get isShut(): boolean {
    return this.#shut !== undefined;
  }

  shut(): void {
    this.#shut ??= new Promise((resolve) => (this.#release = resolve));
  }

  open(): void {
    this.#shut = undefined;
    this.#release();
  }

  async pass(): Promise<void> {
    while (this.#shut) await this.#shut; // shut again at once, it holds still
  }
}
