/** Looking for photos in a real browser over the fake engine: filters, likeness, searches kept. */
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';
import { photo } from './grid-page.ts';

describe.skipIf(!hasChromium())('looking for photos in the grid', () => {
  const { open, calls } = fakePages('img.loaded');

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

  test('what changes under an answer is asked again when the answer goes', async () => {
    const page = await open();
    const box = page.getByRole('searchbox');
    await box.fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    const before = calls('photos').length;
    await page.getByRole('listbox').focus();
    await page.keyboard.press('3');
    // The engine tells of the change, and the page looks: at the answer only.
    await eventually(() => calls('search').length).toBe(2);
    expect(calls('photos').length).toBe(before);
    await box.fill('');
    await eventually(() => calls('photos').length).toBeGreaterThan(before);
    await page.getByRole('group', { name: /^Likely/ }).waitFor({ state: 'detached' });
  });

  test('filters that nothing passes say so', async () => {
    const page = await open({ photos: 40 });
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    const from = page.getByLabel('From', { exact: true });
    await from.fill('2099年13月');
    await from.press('Enter');
    await page.getByText('Write a day as 2024-06-30').waitFor();
    await from.fill('2099');
    await from.press('Enter');
    await page.getByRole('heading', { name: 'No photos pass these filters' }).waitFor();
    await page.keyboard.press('Escape');
    await expectAccessible(page);
    expect(calls('photos').at(-1)).toBe('photos {"from":"2099-01-01","offset":0,"limit":100}');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('img.loaded').first().waitFor();
  });

  test('a search stays in the folder that is shown, until it is sent everywhere', async () => {
    const page = await open({ searchMs: (query) => (query === 'dogs' ? 1500 : 0) });
    await page.getByRole('treeitem', { name: /^Beach/ }).waitFor({ state: 'detached' });
    await page.getByRole('treeitem', { name: /^Trips/ }).click();
    await page.getByRole('button', { name: 'Leave the folder Trips' }).waitFor();
    const box = page.getByRole('searchbox');
    await box.fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    expect(calls('search').at(-1)).toBe('search {"query":"dog","filter":{"root":1},"limit":300}');
    await page.getByRole('button', { name: 'Save search' }).click();
    await page.getByRole('button', { name: 'dog, Trips', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Search everywhere' }).click();
    await eventually(() => calls('search').at(-1)).toBe('search {"query":"dog","limit":300}');
    await page.getByRole('button', { name: 'Leave the folder Trips' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'dog, Trips', exact: true }).click();
    await page.getByRole('button', { name: 'Leave the folder Trips' }).waitFor();
    // What is shown until an answer comes is marked as not being it.
    const busy = page.locator('[role=listbox][aria-busy=true]');
    await busy.waitFor({ state: 'detached' });
    await box.fill('dogs');
    await busy.waitFor();
    await busy.waitFor({ state: 'detached' });
    // Thumbs: models are compared by them.
    await box.fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await photo(page, 0).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Right for this search' }).click();
    await page.getByRole('option', { name: /right, you said/ }).waitFor();
    expect(calls('judge')).toEqual([
      expect.stringMatching(/^judge {"query":"dog","photos":\[{"id":\d+}],"good":true}$/),
    ]);
    await photo(page, 0).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Take back what I said' }).click();
    await page.getByRole('option', { name: /right, you said/ }).waitFor({ state: 'detached' });
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
    await eventually(() => page.evaluate(width)).toBe(512);
  });

  test('a closer look orders the best anew, until something else is searched', async () => {
    const page = await open();
    const box = page.getByRole('searchbox');
    await box.fill('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    const first = (): Promise<string | null> => page.getByRole('option').first().getAttribute('aria-label');
    const before = await first();
    const closer = page.getByRole('button', { name: 'Look closer' });
    await expectAccessible(page);
    await closer.click();
    await page.getByText('The best 24 were looked at once more.').waitFor();
    expect(calls('search').at(-1)).toContain('"rerank":true');
    expect(await first()).not.toBe(before);
    await eventually(() => closer.count()).toBe(0);
    await box.fill('dogs');
    await box.fill('dog');
    await closer.waitFor();
    expect(await first()).toBe(before);
    expect(calls('search').at(-1)).not.toContain('rerank');
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
    await eventually(() => box.inputValue()).toBe('dog');
    await page.getByRole('button', { name: 'All photos' }).click();
    await saved.click();
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await page.getByRole('button', { name: 'Remove saved search: dog' }).click();
    await saved.waitFor({ state: 'detached' });
  });
});
