/** Browsing in a real browser over the fake engine: choosing, dates, orders, sizes, folders. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';
import { photo } from './grid-page.ts';

describe.skipIf(!hasChromium())('the grid', () => {
  const { open, calls } = fakePages('img.loaded');
  const chosen = (page: Page): Promise<string[]> =>
    page.evaluate(
      "[...document.querySelectorAll('.tile[aria-selected=true]')].map((tile) => tile.dataset.index)",
    );

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
    await eventually(() => chosen(page)).toEqual(['0', '1']);
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
    await eventually(() => photo(page, 1).getAttribute('data-stars')).toBe('★★★★★');
    await eventually(() => calls('rate')).toEqual(['rate {"ids":[1,2],"rating":5}']);
    await page.keyboard.press(']');
    await page.getByRole('complementary', { name: 'Photo: IMG_1002.jpg' }).waitFor();
    await page.getByRole('button', { name: 'Add tag' }).click();
    await page.keyboard.type('holiday');
    await page.keyboard.press('Enter');
    await page.getByText('2 photos tagged “holiday”').waitFor();
    expect(calls('tag')).toEqual(['tag {"ids":[1,2],"add":["holiday"],"remove":[]}']);
    // The panel, opened before, hears of it as another window would.
    await page.getByRole('region', { name: 'Tags' }).getByText('holiday').waitFor();
    await page.getByRole('button', { name: 'Export…' }).click();
    await eventually(() => page.evaluate('window.exported')).toEqual([1, 2]);
    await page.getByRole('dialog', { name: 'Export' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await eventually(() => chosen(page)).toEqual(['0', '1']);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Control+a');
    await page.getByText('240 selected').waitFor();
    await page.keyboard.press('Escape');
    expect(await chosen(page)).toEqual([]);
    await page.keyboard.press('0');
    await eventually(() => calls('rate').at(-1)).toBe('rate {"ids":[2],"rating":0}');
  });

  test('headings by month, and a scrubber that jumps', async () => {
    const page = await open({ photos: 30_000 });
    await page.getByRole('group', { name: /^June 2024/ }).waitFor();
    const scrubber = page.getByRole('slider', { name: 'Jump to a date' });
    await eventually(() => scrubber.getAttribute('aria-valuetext')).toBe('June 2024');
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

  test('describing from the menu says what Iris sees', async () => {
    const page = await open();
    await photo(page, 1).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Describe' }).click();
    await page.getByText('A photo of a dog at rest.').waitFor();
    await eventually(() => photo(page, 1).getAttribute('aria-label')).toContain('A photo of a dog at rest.');
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
