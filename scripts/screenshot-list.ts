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

async function search(page: Page, query: string): Promise<void> {
  await page.getByRole('searchbox').fill(query);
  // Dates have no place in a ranking: the scrubber goes when the answer has come.
  await page.locator('.scrubber').waitFor({ state: 'detached' });
}

async function open(page: Page, query: string): Promise<void> {
  await search(page, query);
  await photo(page, 0).click();
  await page.getByRole('complementary').locator('details').first().waitFor();
}

async function ask(page: Page, query: string, question: string): Promise<void> {
  await open(page, query);
  await page.getByRole('listbox').focus();
  await page.keyboard.press('t');
  await page.keyboard.type(question);
  await page.keyboard.press('Enter');
  await page.locator('.answer details').first().waitFor({ timeout: 120_000 });
}

async function choose(page: Page, ...places: readonly number[]): Promise<void> {
  for (const n of places) await photo(page, n).click({ modifiers: ['Control'] });
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
  await page.getByRole('button', { name: 'Copy the coordinates' }).scrollIntoViewIfNeeded();
}

async function plan(page: Page): Promise<void> {
  await choose(page, 0, 1, 2, 3);
  await page.getByRole('button', { name: 'Export…' }).click();
  await page.getByRole('dialog').getByText('XMP', { exact: false }).first().click();
  await page.getByRole('dialog').locator('textarea').waitFor();
}

async function filters(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Rating').selectOption('4');
}

async function palette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('the');
}

async function checked(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByRole('button', { name: 'Check this computer' }).click();
  await page.getByRole('table').first().waitFor({ timeout: 120_000 });
}

export const firstRun: Shot = { name: 'first-run' };

export const shots: readonly Shot[] = [
  { name: 'grid-light' },
  { name: 'grid-dark', context: dark },
  { name: 'selection', reach: (page) => choose(page, 0, 1, 3) },
  { name: 'filters-dark', context: dark, reach: filters },
  { name: 'search-light', reach: (page) => search(page, 'snow on the mountains') },
  { name: 'nothing-found', reach: (page) => page.getByRole('searchbox').fill('zxqv') },
  { name: 'photo-light', reach: place },
  { name: 'full-view', reach: (page) => fill(page, 'sample-05') },
  {
    name: 'full-view-panel',
    context: dark,
    reach: (page) => fill(page, 'a temple').then(() => page.keyboard.press('i')),
  },
  { name: 'chat-light', reach: (page) => ask(page, 'a cat', 'What animal is this?') },
  {
    name: 'chat-dark',
    context: dark,
    reach: (page) => ask(page, 'an orange flower', 'What colour is the flower?'),
  },
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
    reach: (page) => open(page, 'snow on the mountains'),
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
    reach: (page) => ask(page, 'coffee', 'What is on the table?'),
  },
];
