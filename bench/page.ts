/** The page over 100,000 photos: time to the first photos, long tasks, memory, and searching while photos are imported. */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { httpClient } from '../src/shared/http.ts';
import { launch } from '../test/e2e/browser.ts';
import {
  at,
  heapBytes,
  longTasks,
  openBig,
  openWindow,
  scrollThrough,
  searchInPage,
  serveLibrary,
  type Searched,
} from '../test/soak/big-page.ts';
import { makeBigLibrary } from '../test/soak/make-big-library.ts';
import { photosToMeasure } from './photos.ts';

const photos = 100_000;
const thumbnails = 5000;
const flights = 30;
const words = ['a dog', 'red car', 'children playing', 'snow', 'a man on a bicycle', 'sunset over water'];
const rounds = 10;
const longTaskMs = 50;

type Figures = Record<string, string>;

export async function benchPage(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'iris-bench-page-'));
  try {
    const library = path.join(folder, 'library');
    const making = performance.now();
    await makeBigLibrary(library, { photos, thumbnails });
    console.log(`\n${photos.toLocaleString('en')} photos, made in ${seconds(performance.now() - making)}`);
    await measurePage(library);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures the page over a library that is there. */
export async function measurePage(library: string): Promise<void> {
  const browser = await launch();
  try {
    console.table({ 'first start': await start(browser, library), again: await start(browser, library) });
    await inPage(browser, library);
    console.log(`load of the machine at the end: ${loadavg()[0]?.toFixed(1) ?? '?'}`);
  } finally {
    await browser.close();
  }
}

/**
 * From the start of the process to the first photos drawn and one taken by the keyboard. The browser's window
 * is there before, as a person's is.
 */
async function start(browser: Browser, library: string): Promise<Figures> {
  const page = await openWindow(browser);
  const served = await serveLibrary(library);
  const address = performance.now();
  await openBig(page, served.url);
  const drawn = performance.now();
  await page.keyboard.press('ArrowRight');
  await page.locator('.tile.active[data-index="1"]').waitFor();
  const figures = {
    'address printed': seconds(address - served.started),
    'first photos': seconds(drawn - served.started),
    'answers a key': seconds(performance.now() - served.started),
  };
  await page.context().close();
  await served.stop();
  return figures;
}

async function inPage(browser: Browser, library: string): Promise<void> {
  const served = await serveLibrary(library);
  try {
    const page = await openBig(await openWindow(browser), served.url);
    console.table({ 'scrolled end to end': await scrolling(page) });
    const alone = await searching(page);
    const importing = await whileImporting(page, served.url);
    console.table({ 'search, nothing else': alone, 'search, while importing': importing });
    console.table({ 'memory MB': served.memory() });
  } finally {
    await served.stop();
  }
}

async function scrolling(page: Page): Promise<Figures> {
  const heap = await heapBytes(page);
  const before = (await longTasks(page)).length;
  const { nodes, rests, grown } = await scrollThrough(page, flights);
  const long = (await longTasks(page)).slice(before).filter((ms) => ms > longTaskMs);
  return {
    'most elements': String(nodes),
    'long tasks': String(long.length),
    'longest ms': Math.max(0, ...long).toFixed(0),
    'drawn at rest after ms, median': at(rests, 0.5),
    slowest: at(rests, 1),
    'wall grew px': String(grown),
    'never drawn': String(rests.filter((ms) => ms < 0).length),
    'heap MB, before': megabytes(heap),
    after: megabytes(await heapBytes(page)),
  };
}

async function searching(page: Page): Promise<Figures> {
  const times: Searched[] = [];
  for (let round = 0; round < rounds; round++)
    for (const word of words) times.push(await searchInPage(page, `${word} ${round}`));
  const answered = times.map((time) => time.answered);
  const drawn = times.map((time) => time.drawn);
  return {
    searches: String(times.length),
    'answered ms, median': at(answered, 0.5),
    p95: at(answered, 0.95),
    slowest: at(answered, 1),
    'typed to drawn ms, median': at(drawn, 0.5),
    'drawn p95': at(drawn, 0.95),
  };
}

async function whileImporting(page: Page, url: string): Promise<Figures> {
  const { folder } = await photosToMeasure();
  const address = new URL(url);
  const token = address.searchParams.get('token') ?? '';
  const api = httpClient(address.origin, token);
  const job = await api.index({ folders: [folder] });
  try {
    const figures = await searching(page);
    const now = (await api.jobs({})).find(({ id }) => id === job.id);
    return { ...figures, import: `${now?.phase ?? '?'}, ${now?.done ?? 0} of ${now?.total ?? 0}` };
  } finally {
    await api.cancel({ job: job.id });
    rmSync(folder, { recursive: true, force: true });
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
