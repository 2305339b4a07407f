/** Browsing and searching in a real browser over the fake engine: choosing, filtering, dates, likeness, folders. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fakeEngine, type FakeEngine } from '../web/fake-engine.ts';
import type { FakeOptions } from '../web/fake-world.ts';
import {
  axeViolations,
  buildPage,
  eventually,
  faults,
  hasChromium,
  launch,
  openPage,
  type OpenPage,
} from './browser.ts';

describe.skipIf(!hasChromium())('the grid', () => {
  let browser: Browser;
  let opened: OpenPage;
  let engine: FakeEngine;

  beforeAll(async () => {
    await buildPage();
    browser = await launch();
  });
  afterAll(() => browser.close());

  async function open(options: FakeOptions = {}, context: BrowserContextOptions = {}): Promise<Page> {
    engine = fakeEngine(options);
    opened = await openPage(browser, engine, context);
    await opened.page.locator('img.loaded').first().waitFor();
    return opened.page;
  }
  afterEach(async () => {
    await opened.close();
    expect(faults(opened.watch)).toEqual([]);
  });

  const calls = (method: string): string[] => engine.calls.filter((call) => call.startsWith(`${method} `));
  const photo = (page: Page, n: number): ReturnType<Page['locator']> => page.locator(`[data-index="${n}"]`);
  const chosen = (page: Page): Promise<string[]> =>
    page.evaluate(
      "[...document.querySelectorAll('.tile[aria-selected=true]')].map((tile) => tile.dataset.index)",
    );
  /** Both themes, one after the other: the page follows the system at once. */
  async function expectAccessible(page: Page): Promise<void> {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(300);
      expect(await axeViolations(page)).toEqual([]);
    }
  }

  test('photos are chosen by mouse', async () => {
    const page = await open();
    await photo(page, 1).click({ modifiers: ['Control'] });
    await photo(page, 4).click({ modifiers: ['Shift'] });
    await eventually(() => chosen(page)).toEqual(['1', '2', '3', '4']);
    await photo(page, 2).click({ modifiers: ['Control'] });
    await photo(page, 6).click({ position: { x: 16, y: 16 } });
    await eventually(() => chosen(page)).toEqual(['1', '3', '4', '6']);
    await page.getByText('4 selected').waitFor();
    expect(await page.getByRole('complementary', { name: /^Photo: / }).count()).toBe(0);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Clear selection' }).click();
    expect(await chosen(page)).toEqual([]);
  });

  test('a rectangle from empty ground chooses what it touches', async () => {
    const page = await open();
    const first = await photo(page, 0).boundingBox();
    if (!first) throw new Error('There is no first photo.');
    await page.mouse.move(first.x - 8, first.y - 10);
    await page.mouse.down();
    await page.mouse.move(first.x + first.width + 20, first.y + 40, { steps: 5 });
    await page.mouse.up();
    expect(await chosen(page)).toEqual(['0', '1']);
    await page.mouse.click(first.x - 8, first.y - 10);
    expect(await chosen(page)).toEqual([]);
  });

  test('photos are chosen, rated, tagged and given to export by keyboard', async () => {
    const page = await open();
    await page.evaluate(
      "window.addEventListener('iris-export', (event) => (window.exported = event.detail))",
    );
    await page.getByRole('listbox').focus();
    await page.keyboard.press('x');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await eventually(() => chosen(page)).toEqual(['0', '1', '2']);
    await page.keyboard.press('Shift+ArrowLeft');
    await eventually(() => chosen(page)).toEqual(['0', '1']);
    await page.keyboard.press('5');
    expect(await photo(page, 1).getAttribute('data-stars')).toBe('★★★★★');
    await eventually(() => calls('rate')).toEqual(['rate {"ids":[1,2],"rating":5}']);
    await page.getByRole('button', { name: 'Add tag' }).click();
    await page.keyboard.type('holiday');
    await page.keyboard.press('Enter');
    await page.getByText('2 photos tagged “holiday”').waitFor();
    expect(calls('tag')).toEqual(['tag {"ids":[1,2],"add":["holiday"],"remove":[]}']);
    await page.getByRole('button', { name: 'Export…' }).click();
    expect(await page.evaluate('window.exported')).toEqual([1, 2]);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Control+a');
    await page.getByText('240 selected').waitFor();
    await page.keyboard.press('Escape');
    expect(await chosen(page)).toEqual([]);
    await page.keyboard.press('0');
    await eventually(() => calls('rate').at(-1)).toBe('rate {"ids":[2],"rating":0}');
  });

  test('filters hold in browsing and in search, and are taken away by key', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByLabel('Camera').selectOption('FUJIFILM X-T30 II');
    await page.getByLabel('Rating').selectOption('3');
    await eventually(() => calls('photos').at(-1)).toBe(
      'photos {"camera":"FUJIFILM X-T30 II","rating":3,"offset":0,"limit":100}',
    );
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    expect(calls('search').at(-1)).toBe(
      'search {"query":"dog","filter":{"camera":"FUJIFILM X-T30 II","rating":3},"limit":300}',
    );
    await page.getByRole('button', { name: 'Remove filter: FUJIFILM X-T30 II' }).focus();
    await page.keyboard.press('Delete');
    await eventually(() => calls('search').at(-1)).toBe(
      'search {"query":"dog","filter":{"rating":3},"limit":300}',
    );
    await page.getByRole('button', { name: 'Remove filter: ★★★ or more' }).click();
    await eventually(() => calls('search').at(-1)).toBe('search {"query":"dog","limit":300}');
  });

  test('filters that nothing passes say so', async () => {
    const page = await open({ photos: 40 });
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByLabel('From', { exact: true }).fill('2099-01-01');
    await page.getByRole('heading', { name: 'No photos pass these filters' }).waitFor();
    await page.keyboard.press('Escape');
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('img.loaded').first().waitFor();
  });

  test('headings by month, and a scrubber that jumps', async () => {
    const page = await open({ photos: 30_000 });
    await page.getByRole('group', { name: /^June 2024/ }).waitFor();
    const scrubber = page.getByRole('slider', { name: 'Jump to a date' });
    expect(await scrubber.getAttribute('aria-valuetext')).toBe('June 2024');
    await scrubber.focus();
    await page.keyboard.press('ArrowDown');
    await eventually(() => scrubber.getAttribute('aria-valuetext')).toBe('May 2024');
    await page.keyboard.press('PageDown');
    await eventually(() => scrubber.getAttribute('aria-valuetext')).toBe('December 2023');
    await expectAccessible(page);
    const box = await scrubber.boundingBox();
    if (!box) throw new Error('There is no scrubber.');
    const before = calls('photos').length;
    await page.mouse.move(box.x + 20, box.y + 4);
    await page.mouse.down();
    await page.mouse.move(box.x + 20, box.y + box.height - 1, { steps: 20 });
    await eventually(() => scrubber.getAttribute('aria-valuetext')).toMatch(/201[78]/);
    await page.mouse.up();
    await page.locator('.tile img.loaded').nth(2).waitFor();
    // Of the 300 pages flown over, few are loaded: those where the pointer rested.
    expect(calls('photos').length - before).toBeLessThan(100);
    expect(await page.evaluate<number>("document.querySelectorAll('*').length")).toBeLessThan(500);
  });

  test('the smallest photos stay under 500 nodes', async () => {
    const page = await open({ photos: 20_000 });
    await page.getByRole('listbox').focus();
    for (let turn = 0; turn < 6; turn++) await page.keyboard.press('-');
    await page.waitForTimeout(600);
    expect(await page.getByRole('option').count()).toBeGreaterThan(60);
    expect(await page.evaluate<number>("document.querySelectorAll('*').length")).toBeLessThan(500);
    await eventually(() => calls('saveSettings').at(-1)).toBe(
      'saveSettings {"key":"layout","value":{"sort":"newest","rowHeight":120}}',
    );
  });

  test('another order, kept for the next time', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Sort by: Newest first' }).click();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Rating' }).click();
    await eventually(() => calls('photos').at(-1)).toBe('photos {"sort":"rating","offset":0,"limit":100}');
    await page.getByRole('slider', { name: 'Jump to a date' }).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('button', { name: 'Sort by: Rating' }).waitFor();
  });

  test('a photo’s menu finds those like it; the chip ends it', async () => {
    const page = await open();
    await photo(page, 3).click({ button: 'right' });
    await page.getByRole('menu').waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menuitem', { name: 'Find similar' }).click();
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    expect(calls('similar')).toEqual(['similar {"to":{"id":4},"limit":300}']);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Stop searching by this picture' }).click();
    await page.getByRole('group', { name: /^Likely/ }).waitFor({ state: 'detached' });
  });

  test('describing from the menu says what Iris sees', async () => {
    const page = await open();
    await photo(page, 1).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Describe' }).click();
    await page.getByText('A photo of a dog at rest.').waitFor();
    expect(await photo(page, 1).getAttribute('aria-label')).toContain('A photo of a dog at rest.');
  });

  test('a dropped picture is made small and searched by', async () => {
    const page = await open();
    const picture = await sharp({ create: { width: 1600, height: 900, channels: 3, background: '#284' } })
      .png()
      .toBuffer();
    const drop = `(async () => {
      const bytes = Uint8Array.from(atob('${picture.toString('base64')}'), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'beach.png', { type: 'image/png' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    })()`;
    await page.evaluate(drop);
    await page.getByText('Photos like beach.png').waitFor();
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    // The beginning of every JPEG in base64.
    expect(calls('similar').at(-1)).toContain('"image":"/9j/');
    const width = "document.querySelector('.likeness img').naturalWidth";
    expect(await page.evaluate(width)).toBe(512);
  });

  test('searches are remembered, saved, asked again and removed', async () => {
    const page = await open();
    const box = page.getByRole('searchbox');
    await box.fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await page.getByRole('button', { name: 'Save search' }).click();
    const saved = page.getByRole('button', { name: 'dog', exact: true });
    await saved.waitFor();
    expect(calls('saveSearch')).toEqual(['saveSearch {"name":"dog","query":"dog","filter":{}}']);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.getByRole('menuitem', { name: 'dog' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    expect(await box.inputValue()).toBe('dog');
    await page.getByRole('button', { name: 'All photos' }).click();
    await saved.click();
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await page.getByRole('button', { name: 'Remove saved search: dog' }).click();
    await saved.waitFor({ state: 'detached' });
  });

  test('the folder tree by keyboard, and a folder that leaves the library', async () => {
    const page = await open();
    const trips = page.getByRole('treeitem', { name: /^Trips/ });
    await trips.click();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('treeitem', { name: /^Beach/ }).waitFor();
    await page.keyboard.press('Enter');
    await eventually(() => calls('photos').at(-1)).toBe(
      'photos {"root":1,"folder":"Summer","offset":0,"limit":100}',
    );
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('treeitem', { name: /^Beach/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('Home');
    await page.keyboard.press('Delete');
    await page.getByText('Your photos on disk stay as they are.').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await trips.waitFor({ state: 'detached' });
    expect(calls('removeFolder')).toEqual(['removeFolder {"id":1}']);
  });
});
