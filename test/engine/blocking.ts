/** Measures for how long this thread answered nobody, with and without the time it only waited for a processor. */
import { readFileSync } from 'node:fs';

const everyMs = 4;

export interface Blocking {
  /** The longest gap between two turns of the event loop. */
  worstMs: number;
  /** The same without the time in which the thread was ready, but another program had the processor. */
  worstOwnMs: number;
}

/** Milliseconds that the main thread has waited for a processor; 0 where the system does not say. */
function waitedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

export function watchBlocking(): () => Blocking {
  const found: Blocking = { worstMs: 0, worstOwnMs: 0 };
  let last = performance.now();
  let lastWaited = waitedMs();
  const timer = setInterval(() => {
    const now = performance.now();
    const waited = waitedMs();
    const gap = now - last - everyMs;
    found.worstMs = Math.max(found.worstMs, gap);
    found.worstOwnMs = Math.max(found.worstOwnMs, gap - (waited - lastWaited));
    last = now;
    lastWaited = waited;
  }, everyMs);
  return () => {
    clearInterval(timer);
    return found;
  };
}
