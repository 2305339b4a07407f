/** A hundred thousand photos from first to last: the page stays small and leaves no photo blank. Times: bench/page.ts. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launch } from '../e2e/browser.ts';
import { scratch } from '../engine/helpers.ts';
import { httpClient } from '../../src/shared/http.ts';
import { photosToMeasure } from '../../bench/photos.ts';
import {
  at,
  heapBytes,
  longTasks,
  openBig,
  openWindow,
  scrollThrough,
  searchInPage,
  serveLibrary,
  type Served,
} from './big-page.ts';
import { makeBigLibrary } from './make-big-library.ts';

const photos = 100_000;
const thumbnails = 5000;

describe.skipIf(!hasChromium())('a library of a hundred thousand photos', () => {
  const library = path.join(scratch(), 'library');
  let browser: Browser | undefined;
  let served: Served | undefined;

  beforeAll(async () => {
    await makeBigLibrary(library, { photos, thumbnails });
    served = await serveLibrary(library);
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await served?.stop();
  });

  async function opened(): Promise<{ page: Page; served: Served }> {
    if (!browser || !served) throw new Error('The page was not opened.');
    const page = await openBig(await openWindow(browser), served.url);
    // Its folders are counted last: from then on nothing but what the person does goes on.
    await page.getByRole('navigation').getByText('100,000').first().waitFor();
    return { page, served };
  }

  it('is scrolled end to end with few elements, nothing left blank and nothing moved', async () => {
    const { page, served } = await opened();
    const heap = await heapBytes(page);
    const before = (await longTasks(page)).length;
    const scrolled = await scrollThrough(page, 30);
    const long = (await longTasks(page)).slice(before).filter((ms) => ms > 50);
    console.log(`most elements ${scrolled.nodes}; tasks over 50 ms: ${long.length}, longest ${at(long, 1)}`);
    console.log(`heap ${heap} bytes before, ${await heapBytes(page)} after; MB`, served.memory());
    expect(scrolled.nodes).toBeLessThan(500);
    expect(scrolled.rests).not.toContain(-1);
    expect(scrolled.grown).toBe(0);
    expect(scrolled.tilesAtEnd).toBe(photos);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('is searched while photos are imported, and the import goes on', async () => {
    const { page, served } = await opened();
    const { folder } = await photosToMeasure();
    const { origin, searchParams } = new URL(served.url);
    const api = httpClient(origin, searchParams.get('token') ?? '');
    const job = await api.index({ folders: [folder] });
    const answered: number[] = [];
    for (const round of Array(10).keys())
      for (const words of ['a dog', 'snow', 'red car']) {
        answered.push((await searchInPage(page, `${words} ${round}`)).answered);
        await page.locator('img.loaded').first().waitFor();
      }
    console.log(`answered in ms: median ${at(answered, 0.5)}, p95 ${at(answered, 0.95)}`);
    const now = (await api.jobs({})).find(({ id }) => id === job.id);
    expect(now?.error).toBeNull();
    expect((await api.status({})).photos).toBeGreaterThan(photos);
    expect(await page.getByRole('alert').count()).toBe(0);
    await api.cancel({ job: job.id });
    rmSync(folder, { recursive: true, force: true });
  });
});
