/** The page in a real browser over the fake engine: what a person sees and does, state by state. */
import { describe, expect, test } from 'vitest';
import { serveWeb } from '../../src/main/web.ts';
import { eventually, hasChromium, pageDir } from './browser.ts';
import { fakePages } from './fake-pages.ts';

describe.skipIf(!hasChromium())('the page', () => {
  const pages = fakePages();
  const { open, calls } = pages;

  test('the address loses its token', async () => {
    const page = await open();
    expect(page.url()).toBe(`${pages.opened.host.origin}/`);
  });

  test('the grid draws and loads only what is near the screen, and shifts nothing', async () => {
    const page = await open({ photos: 20_000 });
    await page.locator('.tile img.loaded').nth(10).waitFor();
    const options = page.getByRole('option');
    expect(await options.count()).toBeLessThan(80);
    expect(calls('photos').length).toBeLessThanOrEqual(2);
    await eventually(() => options.first().getAttribute('aria-setsize')).toBe('20000');

    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await page.getByRole('option', { name: 'IMG_21000.jpg' }).locator('img.loaded').waitFor();
    expect(await options.count()).toBeLessThan(80);
    expect(calls('photos').length).toBeLessThanOrEqual(6);
    const shift = await page.evaluate<number>(
      `new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
          .observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 200);
      })`,
    );
    expect(shift).toBeLessThan(0.02);
  });

  test('photos that come above do not move what is looked at', async () => {
    const page = await open({ photos: 5000 });
    await page.locator('img.loaded').first().waitFor();
    // Straight into the middle, then up through pages whose height was only guessed.
    await page.evaluate(`${list}.scrollTop = 60_000`);
    await eventually(() => page.evaluate<number>(`${list}.scrollTop`)).toBeGreaterThan(50_000);
    await page.locator('.tile img.loaded').nth(5).waitFor();
    const pages = calls('photos').length;
    for (let turn = 0; turn < 14; turn++) {
      await page.evaluate(`${list}.scrollTop -= 900`);
      await page.waitForTimeout(50);
      await eventually(() => page.evaluate<unknown>(firstTile)).toBeTruthy();
      const first = await page.evaluate<{ id: string; y: number }>(firstTile);
      await page.waitForTimeout(400);
      const later = await page.evaluate<{ id: string; y: number }>(firstTile);
      expect(later.id).toBe(first.id);
      expect(Math.abs(later.y - first.y)).toBeLessThanOrEqual(1);
    }
    expect(calls('photos').length).toBeGreaterThan(pages);
  });

  test('a search says why each photo is there, likely ones first', async () => {
    const page = await open({ photos: 60 });
    await page.getByRole('searchbox').fill('umbrella');
    const likely = page.getByRole('group', { name: /^Likely \(12\)/ });
    await likely.waitFor();
    await page.getByRole('group', { name: 'Weaker (12)' }).waitFor();
    await eventually(() => likely.getByRole('option').first().innerText()).toBe('Caption: umbrella');
    expect(await page.getByText('A little like it').count()).toBeGreaterThan(0);
    expect(await page.getByText('12 not searchable').count()).toBe(0);
    await page.getByText('2 not searchable yet').waitFor();
    await page.keyboard.press('Escape');
    await likely.waitFor({ state: 'detached' });
  });

  test('typing asks once it rests', async () => {
    const page = await open({ photos: 60 });
    await page.evaluate(`
      for (const value of ['d', 'do', 'dog', 'dog ', 'dog s', 'dog snow']) {
        const box = document.querySelector('[role=searchbox]');
        box.value = value;
        box.dispatchEvent(new Event('input', { bubbles: true }));
      }`);
    await page.getByText('Caption: dog snow').first().waitFor();
    expect(calls('search')).toEqual(['search {"query":"dog snow","limit":300}']);
  });

  test('a late answer to an earlier question is dropped', async () => {
    const searchMs = (query: string): number => (query === 'dog' ? 1500 : 0);
    const page = await open({ photos: 60, searchMs });
    await page.getByRole('searchbox').fill('dog');
    await eventually(() => calls('search').length).toBe(1);
    await page.getByRole('searchbox').fill('river');
    await page.getByText('Caption: river').first().waitFor();
    await page.waitForTimeout(2000);
    expect(await page.getByText('Caption: river').count()).toBeGreaterThan(0);
    expect(await page.getByText('Caption: dog').count()).toBe(0);
  });

  test('nothing found teaches, with examples that do find something', async () => {
    const page = await open();
    await page.getByRole('searchbox').fill('zzz');
    await page.getByRole('heading', { name: 'Nothing found for “zzz”' }).waitFor();
    await page.getByRole('button', { name: /^A / }).first().click();
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
  });

  test('everything by keyboard, and the focus comes back', async () => {
    const page = await open();
    await page.locator('img.loaded').first().waitFor();
    const focused = (): Promise<string> =>
      page.evaluate("document.activeElement.getAttribute('role') ?? document.activeElement.localName");
    const active = (): Promise<string | null> =>
      page.locator('[role=listbox] .tile.active').getAttribute('data-index');
    await page.keyboard.press('/');
    await eventually(focused).toBe('searchbox');
    await page.keyboard.type('dog');
    await page.getByRole('group', { name: /^Likely/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await eventually(focused).toBe('listbox');
    await page.keyboard.press('ArrowRight');
    await eventually(active).toBe('1');
    await page.keyboard.press('ArrowDown');
    const below = Number(await active());
    expect(below).toBeGreaterThan(1);
    await page.keyboard.press('ArrowUp');
    expect(Number(await active())).toBeLessThan(below);
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: /^Photo: / });
    await panel.waitFor();
    const name = await panel.getAttribute('aria-label');
    await page.keyboard.press('ArrowRight');
    await eventually(() => panel.getAttribute('aria-label')).not.toBe(name);
    await page.keyboard.press('t');
    await eventually(focused).toBe('textarea');
    await page.keyboard.press('Escape');
    await eventually(focused).toBe('listbox');
    await page.keyboard.press('c');
    await page.getByLabel('Your caption').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    await eventually(focused).toBe('listbox');
    await page.keyboard.press('Escape');
    await page.getByRole('group', { name: /^Likely/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.getByLabel('Single letters act as keys').click();
    await page.keyboard.press('Escape');
    await eventually(focused).toBe('listbox');
    await page.keyboard.press('/');
    await eventually(focused).toBe('listbox');
  });

  test('Chinese where the browser speaks it, and by a switch that is remembered', async () => {
    const page = await open({ troubles: true }, { locale: 'zh-CN' });
    await page.getByRole('button', { name: '所有照片' }).waitFor();
    await eventually(() => page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.getByText('每秒 34 张').waitFor();
    await page.getByRole('searchbox', { name: '搜索照片' }).fill('dog');
    await page.getByText('说明：dog').first().waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Caption: dog').first().waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'All photos' }).waitFor();
  });

  test('an empty library shows how to begin, and errors beside the field', async () => {
    const page = await open({ photos: 0 });
    await page.getByRole('heading', { name: 'Your photos, on this computer' }).waitFor();
    await page.getByLabel('Folder with photos').fill('Pictures');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('"Pictures" is not an absolute path.').waitFor();
    await page.getByLabel('Folder with photos').fill('/home/me/Pictures');
    await page.getByRole('button', { name: 'Add folder' }).click();
    await page.locator('.tile img.loaded').first().waitFor();
    expect(pages.engine.calls).toContain('addFolder {"path":"/home/me/Pictures"}');
    expect(pages.engine.calls).toContain('index {}');
    await page.getByRole('treeitem', { name: /^Pictures/ }).waitFor();
  });

  test('folders, an offline root, work with its pace, and failures by name', async () => {
    const page = await open({ troubles: true });
    await page.getByText('Offline').waitFor();
    await page.getByText('830 / 2,000 · 34 photos/s · 34 s left').waitFor();
    await page.getByText('238 photos, 236 searchable, 2 waiting').waitFor();
    await page.getByText('2 could not be read').click();
    await page.getByRole('navigation').getByText('IMG_1005.jpg').waitFor();
    await page.getByText('The file ends after 1,204 of 88,200 bytes.').first().waitFor();
    await page.getByRole('option', { name: 'IMG_1005.jpg, Cannot be read' }).click();
    await page.getByText('This photo cannot be read.').waitFor();
    await page.getByRole('button', { name: 'Stop this work' }).click();
    await page.getByText('Stopped. Iris goes on from here next time.').waitFor();
    await page.getByRole('treeitem', { name: /^Trips/ }).click();
    await eventually(() => calls('photos').at(-1)).toBe('photos {"root":1,"offset":0,"limit":100}');
  });

  test('a host that is gone is said, and found again', async () => {
    const page = await open();
    await page.locator('img.loaded').first().waitFor();
    const url = new URL(pages.opened.host.url);
    await pages.opened.host.close();
    await page.getByText('Iris has stopped answering').waitFor();
    expect(await page.getByRole('option').count()).toBeGreaterThan(5);
    const token = url.searchParams.get('token') ?? '';
    const host = await serveWeb(pages.engine, { pageDir, port: Number(url.port), token });
    await page.getByText('Iris has stopped answering').waitFor({ state: 'detached' });
    pages.opened.host.close = () => host.close();
    // The browser itself reports each connection that was refused meanwhile.
    pages.opened.watch.errors = pages.opened.watch.errors.filter(
      (error) => !/ERR_(CONNECTION|INCOMPLETE)/.test(error),
    );
  });
});

const list = "document.querySelector('[role=listbox]')";
/** The first known photo whose top is on screen, by its place in the library. */
const firstTile = `(() => {
  const top = document.querySelector('[role=listbox]').getBoundingClientRect().top;
  for (const tile of document.querySelectorAll('.tile')) {
    const box = tile.getBoundingClientRect();
    if (box.top >= top && !tile.classList.contains('active') && tile.querySelector('img')) return { id: tile.ariaLabel, y: Math.round(box.top) };
  }
})()`;
