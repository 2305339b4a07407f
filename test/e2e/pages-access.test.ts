/** The working pages and dialogs by WCAG 2.2 AA, in both themes. */
import type { Page } from 'playwright-core';
import { describe, test } from 'vitest';
import { expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';

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
  const { open } = fakePages('img.loaded');

  test.each(Object.entries(states))('%s', async (name, reach) => {
    const page = await open({ troubles: true });
    if (pages.includes(name)) await page.evaluate(`location.hash = '#/${name}'`);
    await reach(page);
    await expectAccessible(page);
  });
});
