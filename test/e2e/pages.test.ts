/** The frame and the working pages in a real browser: by mouse, by keyboard alone, and by axe in both themes. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { eventually, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';

describe.skipIf(!hasChromium())('the working pages', () => {
  const pages = fakePages('img.loaded, .first');
  const { open, calls } = pages;
  const focusedText = (page: Page): Promise<string> => page.evaluate('document.activeElement.innerText');

  test('each page has its address; back and forward work; the focus is on its heading', async () => {
    const page = await open();
    for (const name of ['Jobs', 'Models', 'Settings']) {
      await page.getByRole('link', { name }).click();
      await page.getByRole('main', { name }).waitFor();
      await eventually(() => focusedText(page)).toBe(name);
      expect(page.url()).toMatch(new RegExp(`#/${name.toLowerCase()}$`));
      await eventually(() => page.title()).toBe(`${name} · Iris`);
    }
    await page.goBack();
    await eventually(() => focusedText(page)).toBe('Models');
    await page.goForward();
    await eventually(() => focusedText(page)).toBe('Settings');
    await page.reload();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('main', { name: 'All photos' }).waitFor();
    await eventually(() => page.evaluate("document.activeElement.getAttribute('role')")).toBe('listbox');
  });

  test('a search or a folder leads back to the photos, where the grid has stayed', async () => {
    const page = await open({ photos: 2000 });
    await page.evaluate("document.querySelector('[role=listbox]').scrollTop = 3000");
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByRole('link', { name: 'Back to the photos' }).click();
    await page.getByRole('main', { name: 'All photos' }).waitFor();
    await eventually(() => page.evaluate("document.querySelector('[role=listbox]').scrollTop")).toBe(3000);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('searchbox').fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('treeitem', { name: /^Trips/ }).click();
    await page.getByRole('main', { name: 'All photos' }).waitFor();
  });

  test('a job is held, let go on and stopped; what failed is tried again, what was left out stands apart', async () => {
    const page = await open({ troubles: true });
    await page.getByRole('link', { name: /^Jobs/ }).click();
    const now = page.getByRole('region', { name: 'Now' });
    await now.getByText('830 / 2,000 · 34 photos/s · 34 s left').waitFor();
    await now.getByRole('button', { name: 'Pause' }).click();
    await now.getByText('830 / 2,000 · Paused').waitFor();
    await now.getByRole('button', { name: 'Go on' }).click();
    await now.getByRole('button', { name: 'Pause' }).waitFor();
    expect(pages.engine.calls).toEqual(expect.arrayContaining(['pause {"job":2}', 'resume {"job":2}']));
    await now.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('region', { name: 'Before' }).getByText('Stopped').first().waitFor();
    const failed = page.getByRole('list', { name: 'Could not be read' });
    await eventually(() => failed.getByText('The file ends after 1,204 of 88,200 bytes.').count()).toBe(2);
    const left = page.getByRole('list', { name: 'Left out' }).getByRole('listitem');
    await eventually(() => left.count()).toBe(48);
    await page.getByRole('button', { name: 'Show 12 more' }).click();
    await eventually(() => left.count()).toBe(60);
    await page.getByRole('button', { name: 'Try again' }).click();
    await eventually(() => calls('index')).toEqual(['index {"retry":true}']);
    await page.getByRole('button', { name: 'They were deleted on purpose…' }).click();
    await page.getByRole('button', { name: 'Stop showing them' }).click();
    await eventually(() => calls('index').at(-1)).toBe(
      'index {"folders":["/media/usb/Family"],"accept":true}',
    );
  });

  test('the first run leads to photos through the picker, by keyboard alone', async () => {
    const page = await open({ photos: 0 });
    await page.getByRole('button', { name: 'Choose folders' }).press('Enter');
    await page.getByRole('dialog', { name: 'Where are your photos?' }).waitFor();
    await eventually(() => focusedText(page)).toBe('Documents');
    await page.keyboard.press('p');
    await eventually(() => focusedText(page)).toBe('Pictures');
    await page.keyboard.press('Enter');
    await eventually(() => focusedText(page)).toBe('2023');
    await page.getByText('12 photos directly in here').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.getByText('No folders in here.').waitFor();
    await page.keyboard.press('Backspace');
    // The folder's name stands in the path too: only the folders' return tells that the way up is done.
    await page.getByText('12 photos directly in here').waitFor();
    await eventually(() => focusedText(page)).toBe('2024');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await eventually(() => focusedText(page)).toBe('Choose “Pictures”');
    await page.keyboard.press('Enter');
    await page.locator('.tile img.loaded').first().waitFor();
    expect(calls('addFolder')).toEqual(['addFolder {"path":"/home/you/Pictures"}']);
  });

  test('the samples are a click away; a folder that may not be read says so', async () => {
    const page = await open({ photos: 0 });
    await page.getByRole('button', { name: 'Choose folders' }).click();
    await page.getByRole('button', { name: 'Downloads' }).click();
    await page.getByRole('alert').getByText('/home/you/Downloads may not be read by you.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Try the samples' }).click();
    await page.locator('.tile img.loaded').first().waitFor();
    expect(calls('index')).toEqual(['index {"samples":true}']);
    expect(calls('addFolder')).toEqual([]);
  });

  test('settings are kept by the library and found again in a browser that knows nothing', async () => {
    const page = await open({}, { colorScheme: 'light' });
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText('Connections made: none').waitFor();
    await page.getByRole('radio', { name: 'Dark' }).click();
    await page.getByRole('checkbox', { name: 'Single letters act as keys' }).click();
    await page.getByRole('radio', { name: '中文' }).click();
    await page.getByRole('heading', { name: '设置' }).waitFor();
    await eventually(() => calls('saveSettings').length).toBe(3);
    await page.evaluate('localStorage.clear()');
    await page.reload();
    await page.getByRole('heading', { name: '设置' }).waitFor();
    const look = 'getComputedStyle(document.documentElement)';
    await eventually(() => page.evaluate(`${look}.colorScheme`)).toBe('dark');
    await eventually(() => page.evaluate(`${look}.backgroundColor`)).toBe('rgb(17, 18, 20)');
    await eventually(() => page.getByRole('checkbox', { name: '单个字母用作快捷键' }).isChecked()).toBe(
      false,
    );
  });

  test('a folder is removed only after a second yes', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Remove Trips' }).click();
    const sure = page.getByRole('dialog', { name: 'Remove “Trips” from the library?' });
    await sure.getByText('Your photos on disk stay as they are.').waitFor();
    await eventually(() => focusedText(page)).toBe('Cancel');
    await page.keyboard.press('Enter');
    expect(calls('removeFolder')).toEqual([]);
    await page.getByRole('button', { name: 'Remove Trips' }).click();
    await sure.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove Trips' }).waitFor({ state: 'detached' });
    expect(calls('removeFolder')).toEqual(['removeFolder {"id":1}']);
  });

  test('models say what they can and cannot do, and the check what is really used', async () => {
    const page = await open({ troubles: true });
    await page.getByRole('link', { name: 'Models' }).click();
    const starter = page.getByRole('listitem').filter({ hasText: 'Iris starter' });
    await starter.getByText('Finds', { exact: true }).waitFor();
    await page.getByText('Copy the model again.').waitFor();
    await page.getByRole('button', { name: 'Check this computer' }).click();
    await page.getByText('Something needs attention.').waitFor();
    const cpu = page.getByRole('row').filter({ hasText: '34.1' });
    await eventually(() => cpu.innerText()).toMatch(/cpu\s*used\s+34\.1\s+1/);
    await page.getByText('No adapter was found.').waitFor();
  });

  test('the palette finds pages, folders and deeds by a few letters, and gives the focus back', async () => {
    const page = await open();
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Commands' });
    const chosen = palette.locator('[aria-selected=true]');
    await page.keyboard.type('summer beach');
    await eventually(() => chosen.innerText()).toContain('/photos/Trips/Summer/Beach');
    await page.keyboard.press('Enter');
    await eventually(() => calls('photos').at(-1)).toContain('"folder":"Summer/Beach"');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('thdark');
    await page.keyboard.press('Enter');
    await eventually(() => page.locator('html').getAttribute('data-theme')).toBe('dark');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('qqq');
    await palette.getByText('No command fits.').first().waitFor();
    await page.keyboard.press('Escape');
    await palette.waitFor({ state: 'hidden' });
    await eventually(() => page.evaluate("document.activeElement.getAttribute('role')")).toBe('listbox');
    await page.keyboard.press('Control+k');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    await eventually(() => chosen.innerText()).toContain('Search photos');
    await page.keyboard.press('Enter');
    await eventually(() => page.evaluate("document.activeElement.getAttribute('role')")).toBe('searchbox');
  });

  test('the library folds away, and the photo panel is made wider by key and by hand', async () => {
    const page = await open();
    await page.keyboard.press('[');
    await page.getByRole('navigation', { name: 'Library', exact: true }).waitFor({ state: 'hidden' });
    await page.getByRole('main').getByRole('option').nth(1).click();
    const panel = page.getByRole('complementary');
    const edge = page.getByRole('separator', { name: 'Width of the photo panel' });
    const width = async (): Promise<number> => Math.round((await panel.boundingBox())?.width ?? 0);
    await eventually(width).toBe(360);
    await edge.press('ArrowLeft');
    await eventually(width).toBe(380);
    await eventually(() => edge.getAttribute('aria-valuenow')).toBe('380');
    const box = await edge.boundingBox();
    if (!box) throw new Error('The edge is not drawn.');
    await page.mouse.move(box.x + 4, 400);
    await page.mouse.down();
    await page.mouse.move(100, 400, { steps: 4 });
    await page.mouse.up();
    await eventually(width).toBe(560);
    await eventually(() => calls('saveSettings').at(-1)).toContain('{"library":false,"width":560}');
    await page.reload();
    await page.locator('img.loaded').first().waitFor();
    await page.keyboard.press(']');
    await eventually(width).toBe(560);
    await page.keyboard.press(']');
    await panel.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Show the library' }).last().click();
    await page.getByRole('navigation', { name: 'Library', exact: true }).waitFor();
  });

  test('one part that fails leaves the rest, says so, and can be tried again', async () => {
    const page = await open();
    const details = await pages.engine.photo({ id: 2 });
    pages.engine.photo = () => Promise.resolve({ ...details, metadata: null as never });
    await page.getByRole('option').nth(1).click();
    await page.getByRole('alert').getByText('This part has stopped working.').waitFor();
    expect(await page.getByRole('option').count()).toBeGreaterThan(5);
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByText('Nothing is running.').waitFor();
    expect(pages.opened.watch.errors.length).toBeGreaterThan(0);
    pages.opened.watch.errors = [];
  });
});
