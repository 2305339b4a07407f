/** Which screenshots there are, and how a person would reach each. */
import type { BrowserContextOptions, Page } from 'playwright-core';

export interface Shot {
  name: string;
  context?: BrowserContextOptions;
  reach?: (page: Page) => Promise<unknown>;
}

const dark: BrowserContextOptions = { colorScheme: 'dark' };
const chinese: BrowserContextOptions = { locale: 'zh-CN' };
const narrow: BrowserContextOptions = { viewport: { width: 420, height: 800 } };

const photo = (page: Page, n: number): ReturnType<Page['locator']> => page.locator(`[data-index="${n}"]`);

/** The answer is there once the scrubber is gone: dates have no place in a ranking. */
async function search(page: Page, query: string): Promise<void> {
  await page.getByRole('searchbox').fill(query);
  await page.locator('.scrubber').waitFor({ state: 'detached' });
  await page.locator('[role=listbox][aria-busy=false]').waitFor();
}

async function open(page: Page, query: string): Promise<void> {
  await search(page, query);
  await photo(page, 0).click();
  await page.getByRole('complementary').locator('details').first().waitFor();
  // Nothing is to be lit only because the pointer was left there.
  await page.mouse.move(0, 0);
}

async function ask(page: Page, query: string, question: string): Promise<void> {
  await open(page, query);
  const field = page.locator('aside form textarea');
  await field.fill(question);
  await field.press('Enter');
  await page.locator('.answer details').first().waitFor();
}

async function choose(page: Page, ...places: readonly number[]): Promise<void> {
  for (const n of places) await photo(page, n).click({ modifiers: ['Control'] });
  await page.mouse.move(0, 0);
}

async function fill(page: Page, query: string): Promise<void> {
  await open(page, query);
  await page.getByRole('listbox').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').locator('.sharp.shown').waitFor();
}

/** A photo with its place: details unfolded, a closer map. */
async function place(page: Page): Promise<void> {
  await open(page, 'sample-03');
  await page.locator('summary', { hasText: 'Details' }).click();
  await page.getByRole('button', { name: 'Copy the coordinates' }).waitFor();
  await page.evaluate("document.querySelector('aside details').scrollIntoView()");
}

async function plan(page: Page): Promise<void> {
  await choose(page, 0, 1, 2, 3);
  await page.getByRole('button', { name: 'Export…' }).click();
  await page.getByRole('dialog').getByText('XMP', { exact: false }).first().click();
  await page.getByRole('dialog').locator('textarea').waitFor();
}

async function inFolder(page: Page): Promise<void> {
  await page.getByRole('treeitem', { name: /^Journeys/ }).click();
  await search(page, 'boats on a river');
}

/** Words that nothing fits, where a filter leaves nothing that comes near either. */
async function nothing(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Year', { exact: true }).selectOption('2011');
  await page.getByLabel('Rating', { exact: true }).selectOption('5');
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'No photos pass' }).waitFor();
}

async function filters(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Rating', { exact: true }).selectOption('4');
}

async function palette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('the');
}

async function checked(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByRole('button', { name: 'Check this computer' }).click();
  await page.getByRole('table').first().waitFor({ timeout: 180_000 });
  await page.evaluate("document.querySelector('table').scrollIntoView({ block: 'center' })");
}

/** Labels of a person's own, by both kinds of model. */
async function labels(page: Page): Promise<void> {
  await open(page, 'sample-02');
  await page.locator('summary', { hasText: 'Compare labels' }).click();
  await page.getByLabel('Which of these fits').fill('a cat, a dog, a horse, a cup of coffee');
  await page.keyboard.press('Enter');
  await page.getByRole('table').waitFor();
  await page.evaluate("document.querySelector('.labels').scrollIntoView({ block: 'end' })");
}

export const firstRun: Shot = { name: 'first-run' };

export const shots: readonly Shot[] = [
  { name: 'grid-light' },
  { name: 'grid-dark', context: dark },
  { name: 'selection', reach: (page) => choose(page, 0, 1, 2) },
  { name: 'filters-dark', context: dark, reach: filters },
  { name: 'search-light', reach: (page) => search(page, 'snow on the mountains') },
  { name: 'folder-search', reach: inFolder },
  { name: 'nothing-found', reach: nothing },
  { name: 'photo-light', reach: place },
  { name: 'full-view', reach: (page) => fill(page, 'sample-05') },
  {
    name: 'full-view-panel',
    context: dark,
    reach: (page) => fill(page, 'a temple').then(() => page.keyboard.press('i')),
  },
  { name: 'chat-light', reach: (page) => ask(page, 'snow on the mountains', 'Where is this?') },
  {
    name: 'chat-dark',
    context: dark,
    reach: (page) => ask(page, 'boats on a river', 'What are the people standing on?'),
  },
  { name: 'labels-light', reach: labels },
  { name: 'jobs-dark', context: dark, reach: (page) => page.getByRole('link', { name: 'Jobs' }).click() },
  { name: 'models-light', reach: checked },
  { name: 'settings-light', reach: (page) => page.getByRole('link', { name: 'Settings' }).click() },
  { name: 'export-light', reach: plan },
  { name: 'palette-dark', context: dark, reach: palette },
  { name: 'keys', reach: (page) => page.getByRole('button', { name: 'All keys' }).click() },
  { name: 'chinese-grid', context: chinese, reach: (page) => choose(page, 0, 1) },
  {
    name: 'chinese-photo',
    context: { ...chinese, ...dark },
    reach: (page) => ask(page, 'boats on a river', 'What are the people standing on?'),
  },
  {
    name: 'chinese-settings',
    context: chinese,
    reach: (page) => page.getByRole('link', { name: '设置' }).click(),
  },
  { name: 'narrow', context: narrow },
  {
    name: 'narrow-photo',
    context: { ...narrow, ...dark },
    reach: (page) => ask(page, 'a photographer', 'What is the man doing?'),
  },
];
