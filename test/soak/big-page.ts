/** The built `iris serve` over a library, and its page with probes in it: for the soak test and the bench. */
import { execFileSync, spawn } from 'node:child_process';
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
  /** Megabytes that the host and each of its compute processes hold now, by name. */
  memory: () => Record<string, number>;
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
    if (url) return { url, started, memory: () => memoryOf(child.pid ?? 0), stop };
  }
  throw new Error('Expected "Iris is at ADDRESS" from iris serve, but it ended.');
}

/** Resident memory, shared pages counted in each process that has them. */
function memoryOf(pid: number): Record<string, number> {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,rss=,args='], { encoding: 'utf8' }).split('\n');
  const found: Record<string, number> = {};
  for (const line of lines) {
    const [, id, parent, kilobytes, args = ''] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (Number(id) !== pid && Number(parent) !== pid) continue;
    const lane = /"lane":"(\w+)"/.exec(args)?.[1];
    found[lane ?? 'engine'] = Math.round(Number(kilobytes) / 1000);
  }
  return found;
}

/** A window with nothing in it yet, in which long tasks are counted from the first moment. */
export async function openWindow(browser: Browser): Promise<Page> {
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
  return page;
}

/** Opens the address and waits for the first photos. */
export async function openBig(page: Page, url: string): Promise<Page> {
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
  /** Pixels by which the wall grew or shrank meanwhile: what came would have moved what is below. */
  grown: number;
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
    // From here on the form of every photo is known, and nothing may move.
    while (!performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/api/shapes'))) await frame();
    await frame();
    await frame();
    const found = { nodes: 0, rests: [], grown: -wall.scrollHeight, tilesAtEnd: 0 };
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
    found.grown += wall.scrollHeight;
    found.tilesAtEnd = Math.max(...inSight().map((tile) => Number(tile.getAttribute('aria-posinset'))));
    return found;
  })()`);
}

export interface Searched {
  /** Milliseconds from the question's leaving the page to its answer's arriving there. */
  answered: number;
  /** Milliseconds from the words' being typed to photos drawn; the page waits 120 ms for more letters. */
  drawn: number;
}

/** Types into the search box, as a person does. */
export function searchInPage(page: Page, query: string): Promise<Searched> {
  return page.evaluate<Searched>(`(async () => {
    const entries = [];
    const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
    observer.observe({ type: 'resource' });
    const box = document.querySelector('[role=searchbox]');
    const start = performance.now();
    box.value = ${JSON.stringify(query)};
    box.dispatchEvent(new Event('input', { bubbles: true }));
    let asked;
    while (!asked) {
      await new Promise(requestAnimationFrame);
      asked = entries.find((entry) => entry.name.endsWith('/api/search') && entry.startTime >= start);
    }
    await new Promise(requestAnimationFrame);
    observer.disconnect();
    return { answered: asked.duration, drawn: performance.now() - start };
  })()`);
}

/** What was measured at this share of the sorted values: 0.5 is the median, 1 the largest. */
export function at(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
}
