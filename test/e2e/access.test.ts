/** Every main state of the page by WCAG 2.2 AA, in both themes, wide and narrow. */
import type { Page } from 'playwright-core';
import { describe, test } from 'vitest';
import type { FakeOptions } from '../web/fake-world.ts';
import { expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';

interface State {
  name: string;
  engine: FakeOptions;
  width?: number;
  locale?: string;
  reach: (page: Page) => Promise<void>;
}

async function openFirst(page: Page): Promise<void> {
  await page.locator('img.loaded').first().waitFor();
  await page.getByRole('option').nth(1).click();
  await page.locator('summary', { hasText: 'Details' }).waitFor();
}

async function talk(page: Page): Promise<void> {
  await openFirst(page);
  await page.keyboard.press('t');
  await page.locator('textarea:focus').waitFor();
  await page.keyboard.type('What is it?');
  await page.keyboard.press('Enter');
  await page.getByText('What the model was given').click();
  await page.locator('summary', { hasText: 'Details' }).click();
}

const states: State[] = [
  {
    name: 'grid, work going on, failures, offline',
    engine: { troubles: true },
    reach: async (page) => page.getByText('could not be read').click(),
  },
  {
    name: 'search',
    // Few enough that both groups are in sight: what is far from the screen is not drawn.
    engine: { photos: 40 },
    reach: async (page) => {
      await page.getByRole('searchbox').fill('dog');
      await page.getByRole('group', { name: /^Likely/ }).waitFor();
      await page.getByRole('group', { name: /^Weaker/ }).waitFor();
    },
  },
  {
    name: 'nothing found',
    engine: {},
    reach: async (page) => {
      await page.getByRole('searchbox').fill('zzz');
      await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    },
  },
  { name: 'photo with talk', engine: { wordMs: 0 }, reach: talk },
  {
    name: 'answer being said',
    engine: { wordMs: 2000 },
    reach: async (page) => {
      await openFirst(page);
      await page.getByRole('button', { name: 'What stands out?' }).click();
      await page
        .getByText(/^This\b/)
        .first()
        .waitFor();
    },
  },
  {
    name: 'photo that failed',
    engine: { troubles: true },
    reach: async (page) => {
      await page.getByRole('option', { name: 'IMG_1005.jpg' }).click();
      await page.getByText('This photo cannot be read.').waitFor();
    },
  },
  {
    name: 'writing a caption',
    engine: {},
    reach: async (page) => {
      await openFirst(page);
      await page.keyboard.press('c');
      await page.getByLabel('Your caption').waitFor();
    },
  },
  {
    name: 'empty library, wrong folder',
    engine: { photos: 0 },
    reach: async (page) => {
      await page.getByLabel('Folder with photos').fill('x');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'keys',
    engine: {},
    reach: async (page) => {
      await page.getByRole('button', { name: 'All keys' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'narrow, library drawer',
    engine: { troubles: true },
    width: 480,
    reach: async (page) => {
      await page.getByRole('button', { name: 'Show the library' }).click();
      await page.getByText('Offline').waitFor();
    },
  },
  { name: 'narrow, photo', engine: { wordMs: 0 }, width: 400, reach: talk },
  {
    name: 'Chinese',
    engine: { troubles: true },
    locale: 'zh-CN',
    reach: async (page) => {
      await page.getByRole('option').nth(1).click();
      await page.getByText('Iris 认为').waitFor();
    },
  },
];

describe.skipIf(!hasChromium())('accessibility', () => {
  const { open } = fakePages();

  for (const { name, engine, width = 1360, locale = 'en-GB', reach } of states) {
    test(name, async () => {
      const page = await open(engine, { locale, viewport: { width, height: 850 } });
      await reach(page);
      await expectAccessible(page);
    });
  }
});
