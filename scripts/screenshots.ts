/** Takes the documentation's screenshots of the real engine over the sample photos: `npm run screenshots`, or `-- NAME…`. */
import { cp, mkdir, mkdtemp, readdir, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createEngine } from '../src/main/engine.ts';
import { places } from '../src/main/lib/places.ts';
import type { Engine } from '../src/shared/contract.ts';
import { faults, launch, openPage } from '../test/e2e/browser.ts';
import { firstRun, type Shot, shots } from './screenshot-list.ts';

const out = join(places.root, 'docs/screenshots');
/** What a picture may weigh; a busier one is pressed harder. */
const mostBytes = 108_000;
/** A page that is not there by then will not come. */
const patienceMs = 120_000;
/** The samples as a person might keep them: in albums, each file with the day it was saved. */
const albums: Record<string, Record<string, string>> = {
  Space: { 'sample-01.jpg': '2025-08-17', 'sample-05.jpg': '2025-08-09', 'sample-06.jpg': '2025-08-09' },
  Journeys: {
    'sample-07.jpg': '2025-04-14',
    'sample-09.jpg': '2025-04-05',
    'sample-10.jpg': '2025-04-02',
    'sample-12.jpg': '2025-08-02',
    'sample-14.jpg': '2025-04-21',
  },
  'At home': { 'sample-02.png': '2025-08-17', 'sample-03.jpg': '2025-06-01', 'sample-08.jpg': '2025-06-01' },
  'Found pictures': {
    'sample-04.jpg': '2025-04-18',
    'sample-11.jpg': '2025-04-08',
    'sample-13.jpg': '2025-04-25',
  },
};
/** What its person has written. */
const captions: Record<string, string> = {
  '01': 'Eileen Collins, with her ship behind her',
  '02': 'Chelsea, not impressed by the camera',
  '03': 'The best espresso in Montreal',
  '07': 'The tower above the lake, in August',
  '08': 'First dahlia of the year',
};

const wanted = process.argv.slice(2);

async function picture(page: Page): Promise<Buffer> {
  let taken = await page.screenshot({ type: 'jpeg', quality: 88 });
  for (const quality of [80, 72, 64, 56, 48]) {
    if (taken.length <= mostBytes) break;
    taken = await page.screenshot({ type: 'jpeg', quality });
  }
  return taken;
}

async function take(browser: Browser, engine: Engine, shot: Shot): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(shot.name)) return;
  const context = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, ...shot.context };
  const { page, watch, close } = await openPage(browser, engine, context);
  page.setDefaultTimeout(patienceMs);
  try {
    await page.locator('img.loaded, .first').first().waitFor();
    await shot.reach?.(page);
    // Whatever was asked for is there, and has faded in.
    await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
    await page.waitForTimeout(900);
    await writeFile(join(out, `${shot.name}.jpg`), await picture(page));
  } finally {
    await close();
  }
  const wrong = faults(watch);
  console.log(`${shot.name}.jpg${wrong.length > 0 ? `: ${wrong.join('; ')}` : ''}`);
}

async function lay(pictures: string): Promise<void> {
  for (const [album, files] of Object.entries(albums)) {
    await mkdir(join(pictures, album), { recursive: true });
    for (const [file, day] of Object.entries(files)) {
      const copy = join(pictures, album, file);
      await cp(join(places.samples, file), copy);
      await utimes(copy, new Date(`${day}T10:00:00Z`), new Date(`${day}T10:00:00Z`));
    }
  }
}

async function indexed(engine: Engine, folder: string): Promise<void> {
  await engine.addFolder({ path: folder });
  await engine.index({});
  while ((await engine.jobs({})).some((job) => job.state === 'running')) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Stars, tags and a saved search, as a person would have after a while. */
async function decide(engine: Engine): Promise<void> {
  const { photos } = await engine.photos({ offset: 0, limit: 100 });
  const ids = (files: string): number[] =>
    photos.filter(({ name }) => files.includes(name.slice(7, 9))).map(({ id }) => id);
  await engine.rate({ ids: ids('03 08'), rating: 5 });
  await engine.rate({ ids: ids('05 07 12'), rating: 4 });
  await engine.tag({ ids: ids('03'), add: ['café', 'favourites'], remove: [] });
  await engine.tag({ ids: ids('07 10 12 14'), add: ['water and mountains'], remove: [] });
  for (const [file, text] of Object.entries(captions)) {
    for (const id of ids(file)) await engine.writeCaption({ id, text });
  }
  await engine.saveSearch({ name: 'boats on a river', query: 'boats on a river', filter: {} });
}

async function clearChats(engine: Engine): Promise<void> {
  const { photos } = await engine.photos({ offset: 0, limit: 100 });
  for (const { id } of photos) await engine.clearChat({ id });
}

/** Pictures of states that are no longer taken. */
async function clearOld(): Promise<void> {
  const names = [firstRun, ...shots].map(({ name }) => `${name}.jpg`);
  for (const file of await readdir(out)) if (!names.includes(file)) await rm(join(out, file));
}

// A home of its own: paths are shown as its person would see them.
const work = await realpath(await mkdtemp(join(tmpdir(), 'iris-')));
process.env['HOME'] = work;
const pictures = join(work, 'Pictures');
await lay(pictures);
await mkdir(out, { recursive: true });
const engine = await createEngine({ library: join(work, '.local/share/iris'), access: 'write' });
const browser = await launch();
try {
  await take(browser, engine, firstRun);
  await indexed(engine, pictures);
  await decide(engine);
  for (const shot of shots) {
    await clearChats(engine);
    // One that cannot be reached leaves the others as they are, and the run as failed.
    await take(browser, engine, shot).catch((error: unknown) => {
      process.exitCode = 1;
      console.error(`${shot.name}: ${String(error)}`);
    });
  }
  await clearOld();
} finally {
  await browser.close();
  await engine.close();
  await rm(work, { recursive: true });
}
