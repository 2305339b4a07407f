/** A real Chromium around the page: opens it with its token, and keeps all that must never happen. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { serveWeb, type WebHost } from '../../src/main/web.ts';
import type { Engine } from '../../src/shared/contract.ts';
import { isBuilt } from '../built.ts';

export const chromiumPath = process.env['IRIS_CHROMIUM'] ?? '/usr/bin/chromium';
export const pageDir = new URL('../../dist/renderer', import.meta.url).pathname;

const launchArguments = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether browser tests can run here. On CI a missing Chromium is a failure, elsewhere it is said aloud. */
export function hasChromium(): boolean {
  if (existsSync(chromiumPath)) return true;
  const message = `No Chromium at ${chromiumPath}: install it (apt-get install chromium) or set IRIS_CHROMIUM.`;
  if (process.env['CI'] === 'true') throw new Error(message);
  console.warn(`\n  BROWSER TESTS LEFT OUT. ${message}\n`);
  return false;
}

/** An expectation that may take its time: these tests share two cores with others. */
export function eventually<T>(read: () => T): ReturnType<typeof expect.poll<Awaited<T>>> {
  return expect.poll(read, { timeout: 20_000 });
}

/** Builds the page as it ships, unless what is there is newer than all it is made of. */
export async function buildPage(): Promise<void> {
  if (await isBuilt('dist/renderer', 'src', 'vite.config.ts')) return;
  const vite = new URL('../../node_modules/vite/bin/vite.js', import.meta.url).pathname;
  const cwd = new URL('../..', import.meta.url).pathname;
  // The test runner's own NODE_ENV would give a development build, which is not what ships.
  const env = { ...process.env, NODE_ENV: 'production' };
  const build = [vite, 'build', '--mode', 'page', '--logLevel', 'warn'];
  await promisify(execFile)(process.execPath, build, { cwd, env });
}

export function launch(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: [...launchArguments, ...more] });
}

/** What went on in a page that a person would not see. */
export interface Watch {
  dialogs: string[];
  /** Requests to anywhere but the host. */
  foreign: string[];
  violations: string[];
  errors: string[];
}

export interface OpenPage {
  page: Page;
  host: WebHost;
  watch: Watch;
  close: () => Promise<void>;
}

/** Nothing ran that should not, nothing went elsewhere, nothing broke. */
export function faults(watch: Watch): string[] {
  return Object.entries<string[]>({ ...watch }).flatMap(([kind, list]) =>
    list.map((entry) => `${kind}: ${entry}`),
  );
}

/** Serves `engine` and opens its page, once it is prepared, as a person would: by the address with the token. */
export async function openPage(
  browser: Browser,
  engine: Engine,
  options: BrowserContextOptions = {},
  prepare?: (page: Page) => Promise<void>,
): Promise<OpenPage> {
  const host = await serveWeb(engine, { pageDir });
  const context = await browser.newContext({
    viewport: { width: 1360, height: 850 },
    locale: 'en-GB',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const watch = watchPage(page, host.origin);
  await prepare?.(page);
  await page.goto(host.url);
  // Drawn, so that a test's first look finds something.
  await page.locator('main').waitFor();
  return {
    page,
    host,
    watch,
    async close() {
      await context.close();
      await host.close();
    },
  };
}

function watchPage(page: Page, origin: string): Watch {
  const watch: Watch = { dialogs: [], foreign: [], violations: [], errors: [] };
  page.on('dialog', (dialog) => {
    watch.dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) watch.foreign.push(request.url());
  });
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) watch.violations.push(message.text());
    // A call that the engine refuses is an answer, not a fault of the page.
    else if (message.type() === 'error' && !message.location().url.startsWith(`${origin}/api/`)) {
      watch.errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => watch.errors.push(error.message));
  return watch;
}

/** No violation in either theme, one after the other: the page follows the system at once. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(300);
    expect(await axeViolations(page)).toEqual([]);
  }
}

interface Violation {
  id: string;
  nodes: string[];
}

/** What axe finds wrong by WCAG 2.2 AA and its own best practices, as rule and places. */
async function axeViolations(page: Page): Promise<Violation[]> {
  const file = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  // Evaluated by the debugger, not put into the document: the page's policy stays as it is.
  await page.evaluate(await readFile(file, 'utf8'));
  const tags = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']";
  return page.evaluate<Violation[]>(
    `axe.run(document, { runOnly: { type: 'tag', values: ${tags} } }).then(({ violations }) =>
      violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.target.join(' ') + ': ' + node.any.map((check) => check.message).join('; ')) })))`,
  );
}
