/** Takes the documentation's screenshots of the real engine over the sample photos: `npm run screenshots`, or `-- NAME…`. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { createEngine } from '../src/main/engine.ts';
import { places } from '../src/main/lib/places.ts';
import type { Engine } from '../src/shared/contract.ts';
import { faults, launch, openPage } from '../test/e2e/browser.ts';

const out = join(places.root, 'docs/screenshots');
/** The samples as a person might keep them. */
const albums: Record<string, readonly string[]> = {
  Space: ['sample-01.jpg', 'sample-05.jpg', 'sample-06.jpg'],
  Journeys: ['sample-07.jpg', 'sample-09.jpg', 'sample-10.jpg', 'sample-12.jpg', 'sample-14.jpg'],
  'At home': ['sample-02.png', 'sample-03.jpg', 'sample-08.jpg'],
  'Found pictures': ['sample-04.jpg', 'sample-11.jpg', 'sample-13.jpg'],
};

interface Shot {
  name: string;
  context?: BrowserContextOptions;
  reach?: (page: Page) => Promise<void>;
}

async function search(page: Page, query: string): Promise<void> {
  await page.getByRole('searchbox').fill(query);
  await page.getByRole('group').first().waitFor();
}

async function talk(page: Page, query: string, question: string): Promise<void> {
  await search(page, query);
  await page.getByRole('option').first().click();
  await page.keyboard.press('t');
  await page.keyboard.type(question);
  await page.keyboard.press('Enter');
  await page.locator('.answer details').first().waitFor({ timeout: 120_000 });
}

async function clearChats(engine: Engine): Promise<void> {
  const { photos } = await engine.photos({ offset: 0, limit: 100 });
  for (const { id } of photos) await engine.clearChat({ id });
}

const shots: Shot[] = [
  { name: 'grid-light' },
  { name: 'grid-dark', context: { colorScheme: 'dark' } },
  { name: 'search-light', reach: (page) => search(page, 'snow on the mountains') },
  {
    name: 'photo-light',
    reach: (page) => talk(page, 'a cat', 'What animal is this?'),
  },
  {
    name: 'photo-dark',
    context: { colorScheme: 'dark' },
    reach: (page) => talk(page, 'an orange flower', 'What colour is the flower?'),
  },
  {
    name: 'chinese-dark',
    context: { colorScheme: 'dark', locale: 'zh-CN' },
    reach: (page) => search(page, 'snow on the mountains'),
  },
  { name: 'nothing-found', reach: async (page) => page.getByRole('searchbox').fill('zxqv') },
  { name: 'keys', reach: async (page) => page.getByRole('button', { name: 'All keys' }).click() },
  { name: 'narrow', context: { viewport: { width: 420, height: 850 } } },
  {
    name: 'narrow-photo',
    context: { viewport: { width: 420, height: 850 }, colorScheme: 'dark' },
    reach: (page) => talk(page, 'coffee', 'What is on the table?'),
  },
];

const wanted = process.argv.slice(2);

async function take(browser: Browser, engine: Engine, shot: Shot): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(shot.name)) return;
  const context = { viewport: { width: 1360, height: 850 }, deviceScaleFactor: 1, ...shot.context };
  const { page, watch, close } = await openPage(browser, engine, context);
  await page.locator('img.loaded, .first').first().waitFor();
  await shot.reach?.(page);
  // Thumbnails have faded in and the search has rested.
  await page.waitForTimeout(1200);
  await page.screenshot({ path: join(out, `${shot.name}.jpg`), type: 'jpeg', quality: 88 });
  await close();
  const wrong = faults(watch);
  console.log(`${shot.name}.jpg${wrong.length > 0 ? `: ${wrong.join('; ')}` : ''}`);
}

async function indexed(engine: Engine, folder: string): Promise<void> {
  await engine.addFolder({ path: folder });
  await engine.index({});
  while ((await engine.jobs({})).some((job) => job.state === 'running')) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const work = await mkdtemp(join(tmpdir(), 'iris-screenshots-'));
const pictures = join(work, 'Pictures');
for (const [album, files] of Object.entries(albums)) {
  await mkdir(join(pictures, album), { recursive: true });
  for (const file of files) await cp(join(places.samples, file), join(pictures, album, file));
}
await mkdir(out, { recursive: true });
const engine = await createEngine({ library: join(work, 'library'), access: 'write' });
const browser = await launch();
try {
  await take(browser, engine, { name: 'first-run' });
  await indexed(engine, pictures);
  for (const shot of shots) {
    await clearChats(engine);
    await take(browser, engine, shot);
  }
} finally {
  await browser.close();
  await engine.close();
  await rm(work, { recursive: true });
}
