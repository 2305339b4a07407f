/** A hundred thousand photos from first to last: the page stays small and leaves no photo blank. Times: bench/page.ts. */
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launch } from '../e2e/browser.ts';
import { scratch } from '../engine/helpers.ts';
import { openBig, scrollThrough, serveLibrary, type Served } from './big-page.ts';
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

  it('is scrolled end to end with few elements and nothing left blank', async () => {
    if (!browser || !served) throw new Error('The page was not opened.');
    const page = await openBig(browser, served.url);
    const scrolled = await scrollThrough(page, 30);
    expect(scrolled.nodes).toBeLessThan(500);
    expect(scrolled.rests).not.toContain(-1);
    expect(scrolled.tilesAtEnd).toBe(photos);
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});
