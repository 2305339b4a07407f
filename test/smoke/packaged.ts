/**
 * Drives a packaged app with Playwright: node test/smoke/packaged.ts PATH_TO_PROGRAM.
 *
 * The program must be packed with the inspector's fuse on, since that is how Playwright gets in; the
 * packages that ship have it off.
 */
import { mkdtempSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';

const [program] = process.argv.slice(2);
if (program === undefined) throw new Error('Expected the path of the packaged program.');

const home = mkdtempSync(path.join(os.tmpdir(), 'iris-smoke-'));
const photos = path.join(home, 'photos');
const samples = path.resolve(import.meta.dirname, '../../samples');

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`The packaged app failed: ${what}.`);
  console.log(`ok: ${what}`);
}

async function placePhotos(): Promise<void> {
  await mkdir(photos, { recursive: true });
  for (const name of (await readdir(samples)).filter((file) => /\.(?:jpg|png)$/.test(file)).slice(0, 4))
    await cp(path.join(samples, name), path.join(photos, name));
}

function launch(): Promise<ElectronApplication> {
  const data = { HOME: home, USERPROFILE: home, LOCALAPPDATA: home, XDG_DATA_HOME: home };
  return _electron.launch({
    executablePath: program ?? '',
    args: [`--user-data-dir=${path.join(home, 'user-data')}`],
    env: { ...(process.env as Record<string, string>), ...data },
  });
}

/** What is true of the page's world, asked in the page. */
async function checkPage(page: Page): Promise<void> {
  must(page.url() === 'app://iris/', 'the page is served by its own scheme');
  must(
    (await page.evaluate('typeof require + typeof process')) === 'undefinedundefined',
    'the page has no Node',
  );
  must((await page.evaluate('typeof iris.connect')) === 'function', 'the bridge is there');
  const reached = 'fetch("https://example.com").then(() => true, () => false)';
  must(!(await page.evaluate<boolean>(reached)), 'the page reaches no network');
}

async function checkPhotos(app: ElectronApplication, page: Page): Promise<void> {
  const options = page.locator('img[src^="photo://thumbnail/"]');
  await options.first().waitFor({ timeout: 120_000 });
  const shown =
    'document.querySelector(\'img[src^="photo://thumbnail/"]\').decode().then(() => true, () => false)';
  must(await page.evaluate<boolean>(shown), 'a thumbnail is decoded');
  const windows = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);
  must(windows === 1, 'there is one window');
}

await placePhotos();
const app = await launch();
try {
  // Dialogs of the system cannot be clicked: the answer is "add".
  await app.evaluate(({ dialog }) => {
    dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false });
  });
  const page = await app.firstWindow();
  await page.waitForLoadState();
  await checkPage(page);
  // As a second start with a folder would: it is sent to this instance.
  await app.evaluate(
    ({ app: own }, folder) => own.emit('second-instance', {}, ['iris', folder], '/'),
    photos,
  );
  await checkPhotos(app, page);
} finally {
  await app.close();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}
