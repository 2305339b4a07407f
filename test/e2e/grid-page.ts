/** What the grid's tests ask of a page again and again. */
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { axeViolations } from './browser.ts';

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
