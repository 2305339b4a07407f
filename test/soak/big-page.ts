/** The built `iris serve` over a library, and its page with probes in it: for the soak test and the bench. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import readline from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { places } from '../../src/main/lib/places.ts';

export interface Served {
  url: string;
  /** `performance.now()` when the process was started. */
  started: number;
  stop: () => Promise<void>;
}

/** Starts the command that a person starts, and reads the address it prints. */
export async function serveLibrary(library: string): Promise<Served> {
  const started = performance.now();
  const entry = path.join(places.root, 'bin/iris.js');
  const child = spawn(process.execPath, [entry, '--library', library, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'exit');
  };
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const url = /^Iris is at (\S+)$/.exec(line)?.[1];
    if (url) return { url, started, stop };
  }
  throw new Error('Expected "Iris is at ADDRESS" from iris serve, but it ended.');
}

/** Opens the page, with long tasks counted from its first moment, and waits for the first photos. */
export async function openBig(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1360, height: 850 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.addInitScript(`
    window.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(duration);
    }).observe({ type: 'longtask', buffered: true });
  `);
  await page.goto(url);
  await page.locator('img.loaded').first().waitFor();
  return page;
}

export function longTasks(page: Page): Promise<number[]> {
  return page.evaluate<number[]>('window.longTasks');
}

/** Bytes of JavaScript that are in use once rubbish is gone. */
export async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

export interface Scrolled {
  /** The most elements that the document had. */
  nodes: number;
  /** Milliseconds until every photo in sight was drawn, at each place of rest; -1 where some never was. */
  rests: number[];
  heights: { first: number; last: number };
  tilesAtEnd: number;
}

/**
 * Scrolls from the first photo to the last: `flights` times far and fast, as by the scroll bar, then slowly
 * as by a wheel, then at rest.
 */
export function scrollThrough(page: Page, flights: number): Promise<Scrolled> {
  return page.evaluate<Scrolled>(`(async () => {
    const wall = document.querySelector('.scroller');
    const frame = () => new Promise(requestAnimationFrame);
    const found = { nodes: 0, rests: [], heights: { first: wall.scrollTop, last: 0 }, tilesAtEnd: 0 };
    const inSight = () => {
      const box = wall.getBoundingClientRect();
      return [...wall.querySelectorAll('.tile')].filter((tile) => {
        const { top, bottom } = tile.getBoundingClientRect();
        return bottom > box.top && top < box.bottom;
      });
    };
    const drawn = (tile) => tile.querySelector('img.loaded, .state') !== null;
    const step = async (to) => {
      wall.scrollTop = to;
      await frame();
      found.nodes = Math.max(found.nodes, document.querySelectorAll('*').length);
    };
    const rest = async () => {
      const start = performance.now();
      for (;;) {
        const tiles = inSight();
        if (tiles.length > 0 && tiles.every(drawn)) return performance.now() - start;
        if (performance.now() - start > 20_000) return -1;
        await frame();
      }
    };
    const fast = 20, slow = 20;
    const end = () => wall.scrollHeight - wall.clientHeight;
    for (let flight = 0; flight < ${flights}; flight++) {
      for (let i = 1; i <= fast; i++) await step(end() * (flight + i / fast) / ${flights});
      for (let i = 0; i < slow; i++) await step(wall.scrollTop + 90);
      found.rests.push(await rest());
    }
    found.heights.last = wall.scrollTop + wall.clientHeight - wall.scrollHeight;
    found.tilesAtEnd = Math.max(...inSight().map((tile) => Number(tile.getAttribute('aria-posinset'))));
    return found;
  })()`);
}
