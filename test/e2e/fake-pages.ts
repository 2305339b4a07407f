/** A page over the fake engine for each test of a suite: opened, closed, and without faults. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { fakeEngine, type FakeEngine } from '../web/fake-engine.ts';
import type { FakeOptions } from '../web/fake-world.ts';
import { buildPage, faults, launch, openPage, type OpenPage } from './browser.ts';

export interface FakePages {
  /** The engine and the page of the test that runs. */
  readonly engine: FakeEngine;
  readonly opened: OpenPage;
  open: (options?: FakeOptions, context?: BrowserContextOptions) => Promise<Page>;
  show: (engine: FakeEngine, context?: BrowserContextOptions) => Promise<Page>;
  /** What the engine was asked by this method, as its name and arguments. */
  calls: (method: string) => string[];
}

/** `ready` names what is waited for before a test goes on. */
export function fakePages(ready?: string): FakePages {
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

  async function show(shown: FakeEngine, context: BrowserContextOptions = {}): Promise<Page> {
    engine = shown;
    opened = await openPage(browser, engine, context);
    if (ready !== undefined) await opened.page.locator(ready).first().waitFor();
    return opened.page;
  }

  return {
    get engine() {
      return engine;
    },
    get opened() {
      return opened;
    },
    show,
    open: (options = {}, context = {}) => show(fakeEngine(options), context),
    calls: (method) => engine.calls.filter((call) => call.startsWith(`${method} `)),
  };
}
