/** The working pages and dialogs by WCAG 2.2 AA, in both themes. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeEngine } from '../web/fake-engine.ts';
import { axeViolations, buildPage, faults, hasChromium, launch, openPage } from './browser.ts';

const states: Record<string, (page: Page) => Promise<void>> = {
  jobs: (page) => page.getByText('830 / 2,000').last().waitFor(),
  models: async (page) => {
    await page.getByRole('button', { name: 'Check this computer' }).click();
    await page.getByText('Something needs attention.').waitFor();
  },
  settings: (page) => page.getByText('Connections made: none').waitFor(),
  palette: (page) => page.keyboard.press('Control+k'),
  export: async (page) => {
    await page.keyboard.press('e');
    await page.getByRole('radio', { name: 'XMP sidecars' }).click();
    await page.getByText('files would be written').waitFor();
  },
  picker: async (page) => {
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Choose a folder' }).click();
    await page.getByRole('button', { name: 'Pictures' }).waitFor();
  },
};
const pages = ['jobs', 'models', 'settings'];

describe.skipIf(!hasChromium())('accessibility of the working pages', () => {
  let browser: Browser;
  beforeAll(async () => {
    await buildPage();
    browser = await launch();
  });
  afterAll(() => browser.close());

  test.each(Object.entries(states))('%s', async (name, reach) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, watch, close } = await openPage(browser, fakeEngine({ troubles: true }), { colorScheme });
      await page.locator('img.loaded').first().waitFor();
      if (pages.includes(name)) await page.evaluate(`location.hash = '#/${name}'`);
      await reach(page);
      expect(await axeViolations(page)).toEqual([]);
      await close();
      expect(faults(watch)).toEqual([]);
    }
  });
});
