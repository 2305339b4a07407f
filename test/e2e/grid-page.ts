/** The grid in a real browser over the fake engine, with what its tests ask of it again and again. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { fakeEngine, type FakeEngine } from '../web/fake-engine.ts';
import type { FakeOptions } from '../web/fake-world.ts';
import { axeViolations, buildPage, faults, launch, openPage, type OpenPage } from './browser.ts';

export interface GridPages {
  open: (options?: FakeOptions, context?: BrowserContextOptions) => Promise<Page>;
  /** What the engine was asked by this method, as its name and arguments. */
  calls: (method: string) => string[];
}

/** A page for each test of the suite this is called in; each is closed, and had no faults. */
export function gridPages(): GridPages {
  let browser: Browser;
  let opened: OpenPage;
  let engine: FakeEngine;

  beforeAll(async () => {
    await buildPage();
    browser = await launch();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await opened.close();
    expect(faults(opened.watch)).toEqual([]);
  });

  return {
    async open(options = {}, context = {}) {
      engine = fakeEngine(options);
      opened = await openPage(browser, engine, context);
      await opened.page.locator('img.loaded').first().waitFor();
      return opened.page;
    },
    calls: (method) => engine.calls.filter((call) => call.startsWith(`${method} `)),
  };
}

export function photo(page: Page, n: number): Locator {
  return page.locator(`[data-index="${n}"]`);
}

/** Both themes, one after the other: the page follows the system at once. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(300);
    expect(await axeViolations(page)).toEqual([]);
  }
}
