/** The page by keyboard alone, by mouse alone and in little room: the focus is never lost, nothing is out of reach. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';
import { photo } from './grid-page.ts';

describe.skipIf(!hasChromium())('hands', () => {
  const { open, calls } = fakePages('img.loaded');
  const focused = (page: Page): Promise<string> =>
    page.evaluate<string>(
      "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? ''",
    );
  /** Presses Enter on what has this name: from there the focus must go somewhere sensible. */
  async function enter(page: Page, name: string): Promise<void> {
    const button = page.getByRole('button', { name, exact: true }).first();
    await button.focus();
    await button.press('Enter');
  }
  const active = (page: Page): Promise<number> =>
    page
      .getByRole('listbox')
      .getAttribute('aria-activedescendant')
      .then((id) => Number(id?.slice('photo-'.length)));

  test('in a talk and a caption the focus goes on to what comes next', async () => {
    const page = await open({ wordMs: 0 });
    const field = 'Ask about this photo';
    await photo(page, 1).click();
    await enter(page, 'What stands out?');
    await eventually(() => focused(page)).toBe(field);
    await page.getByRole('button', { name: 'Use as caption' }).waitFor();
    await enter(page, 'Try again');
    await eventually(() => focused(page)).toBe(field);
    await enter(page, 'Use as caption');
    await page.getByText('It is your caption now.').waitFor();
    await enter(page, 'Change this question');
    await eventually(() => focused(page)).toBe('Your question');
    await page.keyboard.press('Enter');
    await eventually(() => focused(page)).toBe(field);
    await page.getByRole('button', { name: 'Use as caption' }).waitFor();
    await enter(page, 'Clear the conversation');
    await eventually(() => focused(page)).toBe('Keep');
    await page.keyboard.press('Enter');
    await eventually(() => focused(page)).toBe('Clear the conversation');

    await page.getByRole('listbox').focus();
    await page.keyboard.press('c');
    await eventually(() => focused(page)).toBe('Your caption');
    await page.keyboard.press('Escape');
    await eventually(() => focused(page)).toBe('All photos');
    await page.getByRole('complementary', { name: 'Photo: IMG_1002.jpg' }).waitFor();
    await enter(page, 'Edit your caption');
    await eventually(() => focused(page)).toBe('Your caption');
    await page.getByLabel('Your caption').fill('Ours');
    await page.keyboard.press('Enter');
    await page.locator('blockquote.own', { hasText: 'Ours' }).waitFor();
    await eventually(() => focused(page)).toBe('Edit your caption');
    await enter(page, 'Describe again');
    await page.locator('blockquote.thought', { hasText: 'dog at rest' }).waitFor();
    expect(await focused(page)).toBe('Describe again');

    const similar = page.getByRole('region', { name: 'Similar photos' }).getByRole('button');
    await similar.first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Photo: IMG_1003.jpg' }).waitFor();
    await eventually(() => focused(page)).toBe('Fill the window');
  });

  test('all photos, no stars, pages of the grid, chips of a question, export of what is chosen', async () => {
    const page = await open();
    await page.getByRole('listbox').focus();
    await page.keyboard.press('PageDown');
    await eventually(() => active(page)).toBeGreaterThan(6);
    const far = await active(page);
    await page.keyboard.press('PageUp');
    await eventually(() => active(page)).toBeLessThan(far);
    await photo(page, 0).click({ modifiers: ['Control'] });
    await page.getByRole('button', { name: 'Select all' }).click();
    await page.getByText('240 selected').waitFor();
    await page.getByRole('button', { name: 'No stars' }).click();
    await eventually(() => calls('rate').length).toBe(1);
    expect(calls('rate')[0]).toContain('"rating":0');
    await page.getByRole('listbox').focus();
    await page.keyboard.press('e');
    await page.getByRole('dialog').getByText('The 240 chosen photos').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    const box = page.getByRole('searchbox');
    await box.focus();
    await page.getByText('-word to leave a word out').waitFor();
    await box.fill('dog -snow "red umbrella"');
    const chips = page.getByRole('list', { name: 'Filters' }).getByRole('button');
    await eventually(() => chips.allInnerTexts()).toEqual(['without snow', '“red umbrella”']);
    await chips.first().focus();
    await page.keyboard.press('Delete');
    await eventually(() => box.inputValue()).toBe('dog "red umbrella"');
    await page.keyboard.press('Delete');
    await eventually(() => focused(page)).toBe('Filter');
    expect(await box.inputValue()).toBe('dog');
    await enter(page, 'Save search');
    await page.getByText('Saved as “dog”').waitFor();
    await eventually(() => focused(page)).toBe('Search your photos');
    await enter(page, 'Remove saved search: dog');
    await eventually(() => focused(page)).toMatch(/^All photos/);
  });

  test('in little room all is there: a drawer with the focus, named buttons, a photo that hides nothing it could', async () => {
    const page = await open({}, { viewport: { width: 320, height: 480 } });
    const wide = (): Promise<number> => page.evaluate<number>('document.documentElement.scrollWidth');
    await enter(page, 'Show the library');
    await eventually(() => focused(page)).toMatch(/^All photos/);
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await eventually(() => focused(page)).toBe('Show the library');
    await enter(page, 'Filter');
    const label = page.getByText('Rating', { exact: true });
    await label.waitFor();
    expect((await label.boundingBox())?.x).toBeGreaterThan(0);
    await page.keyboard.press('Escape');
    await photo(page, 0).click({ modifiers: ['Control'] });
    for (const name of ['Add tag', 'Export…', 'Select all', 'Clear selection'])
      await page.getByRole('button', { name, exact: true }).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Clear selection' }).click();
    await page.getByLabel('Photo size').waitFor();
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Enter');
    await eventually(() => focused(page)).toBe('Fill the window');
    expect(await page.getByRole('listbox').count()).toBe(0);
    await page.keyboard.press('Escape');
    await eventually(() => focused(page)).toBe('All photos');
    expect(await wide()).toBe(320);
    await page.setViewportSize({ width: 640, height: 400 });
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: /^Photo: / });
    await panel.waitFor();
    const [grid, side] = [await page.getByRole('listbox').boundingBox(), await panel.boundingBox()];
    expect((grid?.x ?? 0) + (grid?.width ?? 0)).toBeLessThanOrEqual(side?.x ?? 0);
  });
});
