/** A photo over the whole window, in a real browser: leafed through, zoomed, left as it was found; and its states by WCAG. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import type { FakeOptions } from '../web/fake-world.ts';
import { fakePages } from './fake-pages.ts';

describe.skipIf(!hasChromium())('the full view', () => {
  const pages = fakePages();
  const { open, calls } = pages;
  const answered = 'and little behind it.';
  const transform = (page: Page): Promise<string> =>
    page.evaluate("document.querySelector('dialog .picture').style.transform");
  const focused = (page: Page): Promise<string> =>
    page.evaluate("document.activeElement.getAttribute('role') ?? document.activeElement.localName");

  async function openFull(page: Page, at = 3): Promise<ReturnType<Page['getByRole']>> {
    await page.getByRole('option').nth(at).click();
    await page.getByRole('complementary').getByText('Details').waitFor();
    await page.keyboard.press('Enter');
    const view = page.getByRole('dialog');
    await view.locator('.sharp.shown').waitFor();
    return view;
  }

  test('Enter on the open photo fills the window: sharp, leafed through, left as it was found', async () => {
    const page = await open();
    await page.getByRole('option', { name: 'IMG_1004.jpg' }).click();
    await page.getByRole('listbox').focus();
    const asked = page.waitForRequest('**/photo/4');
    await page.keyboard.press('Enter');
    const view = page.getByRole('dialog', { name: 'IMG_1004.jpg' });
    await view.waitFor();
    await asked;
    await view.locator('.sharp.shown').waitFor();
    await view.getByText('4 of 240').first().waitFor();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('dialog', { name: 'IMG_1005.jpg' }).waitFor();
    await page.getByRole('button', { name: 'Previous photo' }).click();
    await page.getByRole('dialog', { name: 'IMG_1004.jpg' }).waitFor();
    const strip = page.getByRole('group', { name: 'Photos around this one' });
    expect(await strip.getByRole('button').count()).toBeLessThan(40);
    await strip.getByRole('button', { name: 'IMG_1007.jpg' }).click();
    await page.getByRole('dialog', { name: 'IMG_1007.jpg' }).waitFor();
    await eventually(() => strip.locator('[aria-current=true]').getAttribute('aria-label')).toBe(
      'IMG_1007.jpg',
    );
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await eventually(() => focused(page)).toBe('listbox');
    await page.getByRole('complementary', { name: 'Photo: IMG_1007.jpg' }).waitFor();
    await eventually(() => page.locator('[role=listbox] .tile.active').getAttribute('data-index')).toBe('6');
  });

  test('the far end of a large library is leafed to, with its neighbours', async () => {
    const page = await open({ photos: 5000 });
    await openFull(page);
    await page.keyboard.press('End');
    await page.getByRole('dialog', { name: 'IMG_6000.jpg' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('dialog', { name: 'IMG_5999.jpg' }).waitFor();
    expect(calls('photos').length).toBeLessThan(8);
  });

  test('Space looks quickly, from the grid and back', async () => {
    const page = await open();
    await page.locator('img.loaded').first().waitFor();
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Space');
    await page.getByRole('dialog', { name: 'IMG_1001.jpg' }).waitFor();
    await page.keyboard.press('Space');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await eventually(() => focused(page)).toBe('listbox');
  });

  test('zoom by keys, wheel, double click and buttons; moved by arrows and by hand', async () => {
    const page = await open();
    const view = await openFull(page);
    const still = 'translate(0px, 0px) scale(1)';
    expect(await transform(page)).toBe(still);
    await page.keyboard.press('+');
    await eventually(() => transform(page)).toBe('translate(0px, 0px) scale(1.25)');
    await page.keyboard.press('0');
    await eventually(() => transform(page)).toBe(still);
    await page.mouse.move(300, 300);
    await page.mouse.wheel(0, -600);
    await eventually(() => transform(page)).toMatch(/scale\(3\./);
    const before = await transform(page);
    await page.keyboard.press('ArrowRight');
    await eventually(() => transform(page)).not.toBe(before);
    await view.getByText('4 of 240').first().waitFor();
    const pressed = await transform(page);
    await page.mouse.down();
    await page.mouse.move(420, 330, { steps: 3 });
    await page.mouse.up();
    await eventually(() => transform(page)).not.toBe(pressed);
    await page.mouse.dblclick(600, 400);
    await eventually(() => transform(page)).toBe(still);
    await page.mouse.dblclick(600, 400);
    await view.getByRole('button', { name: 'Fit to the window, 100 %' }).click();
    await eventually(() => transform(page)).toBe(still);
    await page.keyboard.press('-');
    expect(await transform(page)).toBe(still);
  });

  test('the panel slides in, Esc goes back by steps, and Tab never leaves the view', async () => {
    const page = await open({ wordMs: 0 });
    const view = await openFull(page);
    await page.keyboard.press('i');
    const panel = view.getByRole('complementary');
    await panel.getByText('Iris thinks').waitFor();
    await page.keyboard.press('t');
    await eventually(() => focused(page)).toBe('textarea');
    await page.keyboard.type('What is it? 5');
    await page.keyboard.press('Enter');
    await panel.getByText(answered).waitFor();
    expect(calls('rate')).toEqual([]);
    for (let turn = 0; turn < 40; turn++) {
      await page.keyboard.press('Tab');
      const inside =
        "document.activeElement === document.body || document.activeElement.closest('dialog') !== null";
      await eventually(() => page.evaluate(inside)).toBe(true);
    }
    await panel.getByLabel('Ask about this photo').focus();
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    await view.waitFor();
    await page.keyboard.press('Escape');
    await view.waitFor({ state: 'detached' });
    await page.getByRole('complementary').getByText(answered).waitFor();
  });

  test('from the panel, and to a similar photo', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    await page.getByRole('button', { name: 'Fill the window' }).first().click();
    await page.getByRole('dialog', { name: 'IMG_1004.jpg' }).waitFor();
    await page.keyboard.press('i');
    await page.getByRole('button', { name: 'IMG_1006.jpg, ' }).click();
    await page.getByRole('dialog', { name: 'IMG_1006.jpg' }).waitFor();
  });

  test('a file that is away is shown by its small copy, and said', async () => {
    const page = await open({ troubles: true });
    pages.engine.picture = () => Promise.resolve(undefined);
    await page.getByRole('option').nth(6).click();
    await page.getByText('The file is not there now.').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('This is the small copy that Iris keeps').waitFor();
    // The browser itself reports the picture that was refused.
    pages.opened.watch.errors = pages.opened.watch.errors.filter((error) => !error.includes('404'));
  });

  const states: [string, FakeOptions, (page: Page) => Promise<unknown>][] = [
    ['full view with its panel', {}, async (page) => openFull(page).then(() => page.keyboard.press('i'))],
    [
      'full view of a photo that failed',
      { troubles: true },
      async (page) => {
        await page.getByRole('option', { name: 'IMG_1005.jpg' }).click();
        await page.getByText('This photo cannot be read.').waitFor();
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').getByText('The file ends').waitFor();
      },
    ],
    [
      'map, tags, a question being changed',
      { wordMs: 0 },
      async (page) => {
        await page.getByRole('option').nth(3).click();
        await page.getByText('Details').click();
        await page.getByLabel('Add a tag').fill('beach');
        await page.keyboard.press('Enter');
        await page.getByRole('button', { name: 'What stands out?' }).click();
        await page.getByRole('button', { name: 'Change this question' }).click();
      },
    ],
    [
      'away, with a history',
      { troubles: true },
      async (page) => {
        await page.getByRole('option').nth(6).click();
        await page.getByRole('button', { name: 'Describe again' }).click();
        await page.getByText('1 earlier caption').click();
      },
    ],
  ];
  for (const [name, options, reach] of states) {
    test(`accessible: ${name}`, async () => {
      const page = await open(options);
      await page.locator('img.loaded').first().waitFor();
      await reach(page);
      await expectAccessible(page);
    });
  }
});
