/** What the grid's tests ask of a page again and again. */
import type { Locator, Page } from 'playwright-core';

export function photo(page: Page, n: number): Locator {
  return page.locator(`[data-index="${n}"]`);
}
