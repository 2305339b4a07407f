/** The window's place, the menus, and how the app ends, recovers and sleeps: all apart from Electron. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CrashLimit, JobNews, progressOf, Quit, SleepGuard } from '../../src/main/electron/lifecycle.ts';
import { menuTemplate } from '../../src/main/electron/menu.ts';
import { updateFeed } from '../../src/main/electron/policy.ts';
import { readState, windowState, writeState } from '../../src/main/electron/window-state.ts';
import { hostWords } from '../../src/main/electron/words.ts';
import type { Job } from '../../src/shared/contract.ts';
import type { DesktopCommand } from '../../src/shared/desktop.ts';
import { scratch } from '../engine/helpers.ts';
import { runningJob } from '../web/fake-world.ts';

const left = { x: -1920, y: 0, width: 1920, height: 1040 };
const main = { x: 0, y: 25, width: 1440, height: 875 };
const screens = [main, left];
const at = (x: number, y: number, width = 1000, height = 700): object => ({
  bounds: { x, y, width, height },
  maximized: false,
});

describe("The window's place", () => {
  it.each([
    ['where it was', at(100, 100), { x: 100, y: 100, width: 1000, height: 700 }],
    ['on the second screen', at(-1500, 10), { x: -1500, y: 10, width: 1000, height: 700 }],
    ['across two screens', at(-500, 100), { x: -500, y: 100, width: 1000, height: 700 }],
    ['on a screen that is gone', at(3000, 100), { width: 1000, height: 700 }],
    ['with its title above the screen', at(100, -200), { width: 1000, height: 700 }],
    ['below the screen', at(100, 2000), { width: 1000, height: 700 }],
    ['with a corner only', at(1400, 100), { width: 1000, height: 700 }],
    ['larger than the screen', at(0, 30, 5000, 5000), { x: 0, y: 30, width: 1440, height: 875 }],
    ['too small to use', at(10, 30, 150, 1), { x: 10, y: 30, width: 480, height: 400 }],
  ])('%s', (_, saved, bounds) => expect(windowState(saved, screens).bounds).toEqual(bounds));

  it.each([
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { bounds: {}, maximized: true },
    at(0.5, 0),
    at(0, 0, Number.NaN),
    at(0, 0, 1e9),
    { ...at(1, 30), maximized: 'yes' },
  ])('the usual size for %j', (saved) =>
    expect(windowState(saved, screens)).toEqual({ bounds: { width: 1280, height: 840 }, maximized: false }),
  );

  it('survives a round through its file, and a file that is damaged', async () => {
    const file = path.join(scratch(), 'deep', 'window.json');
    expect(readState(file)).toBeUndefined();
    writeState(file, { bounds: { x: 5, y: 30, width: 900, height: 600 }, maximized: true });
    expect(windowState(readState(file), screens)).toEqual({
      bounds: { x: 5, y: 30, width: 900, height: 600 },
      maximized: true,
    });
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 20));
    expect(readState(file)).toBeUndefined();
  });
});

describe('Menus', () => {
  const commands: DesktopCommand[] = [];
  const items = (platform: NodeJS.Platform, locale: string) =>
    menuTemplate(platform, hostWords(locale), (command) => commands.push(command));
  const flat = (platform: NodeJS.Platform, locale = 'en-GB') =>
    items(platform, locale).flatMap(({ submenu }) => (Array.isArray(submenu) ? submenu : []));

  it.each(['darwin', 'win32', 'linux'] as const)('%s has every command, once', (platform) => {
    commands.length = 0;
    for (const item of flat(platform)) Reflect.apply(item.click ?? (() => undefined), undefined, []);
    expect(commands.map(({ type }) => type).sort()).toEqual(['add-folder', 'find', 'keys', 'settings']);
    const roles = flat(platform).map(({ role }) => role);
    expect(roles.filter((role) => role === 'quit')).toHaveLength(1);
    for (const role of ['copy', 'paste', 'undo'] as const) expect(roles).toContain(role);
    for (const role of ['toggleDevTools', 'reload'] as const) expect(roles).not.toContain(role);
  });
  it('macOS has a menu of the app and of windows, the others have not', () => {
    const roles = (platform: NodeJS.Platform) => items(platform, 'en').map(({ role }) => role);
    expect(roles('darwin')).toEqual(expect.arrayContaining(['appMenu', 'windowMenu']));
    expect(roles('linux')).not.toContain('appMenu');
  });
  it('no two keys are the same, and Chinese has its own words', () => {
    const keys = flat('linux').flatMap(({ accelerator }) => (accelerator ? [accelerator] : []));
    expect(new Set(keys).size).toBe(keys.length);
    expect(items('linux', 'zh-CN').map(({ label }) => label)).toEqual(['文件', '编辑', '显示', '帮助']);
    expect(items('linux', 'zhx').map(({ label }) => label)[0]).toBe('File');
  });
});

describe('A page that crashes', () => {
  it('is loaded again three times a minute', () => {
    const limit = new CrashLimit();
    expect([0, 1000, 2000, 3000, 59_000].map((now) => limit.mayReload(now))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(limit.mayReload(60_000)).toBe(true);
    expect(limit.mayReload(60_500)).toBe(false);
  });
});

describe('Quitting', () => {
  const wishes = (quit: Quit) => {
    let held = 0;
    const event = { preventDefault: () => (held += 1) };
    return { wish: () => quit.wish(event), held: () => held };
  };
  it('closes once, holds back every wish until then, and exits once', async () => {
    const done: string[] = [];
    const quit = new Quit(
      async () => {
        done.push('closing');
        await delay(30);
        done.push('closed');
      },
      () => done.push('exit'),
    );
    const { wish, held } = wishes(quit);
    wish();
    wish();
    expect(quit.closing).toBe(true);
    await expect.poll(() => done).toEqual(['closing', 'closed', 'exit']);
    wish();
    expect(held()).toBe(2);
    expect(done).toHaveLength(3);
  });
  it('exits although closing fails, or does not end', async () => {
    for (const close of [
      () => Promise.reject(new Error('broken')),
      () => new Promise<void>(() => undefined),
    ]) {
      let exits = 0;
      wishes(new Quit(close, () => exits++, 50)).wish();
      await expect.poll(() => exits).toBe(1);
    }
  });
});

describe('Sleep', () => {
  it('pauses what runs and lets only that go on', async () => {
    const calls: string[] = [];
    const jobs: Job[] = [
      { ...runningJob, id: 1, state: 'running' },
      { ...runningJob, id: 2, state: 'paused' },
      { ...runningJob, id: 3, state: 'done' },
      { ...runningJob, id: 4, state: 'running' },
    ];
    const guard = new SleepGuard({
      jobs: () => Promise.resolve(jobs),
      pause: ({ job }) => (
        calls.push(`pause ${job}`),
        job === 4 ? Promise.reject(new Error('ended')) : Promise.resolve()
      ),
      resume: ({ job }) => (calls.push(`resume ${job}`), Promise.resolve()),
    });
    await guard.suspend();
    await guard.resume();
    await guard.resume();
    expect(calls).toEqual(['pause 1', 'pause 4', 'resume 1']);
  });
});

describe('Progress and news', () => {
  const job = (more: Partial<Job>): Job => ({
    ...runningJob,
    id: 1,
    state: 'running',
    done: 5,
    total: 10,
    ...more,
  });
  it.each([
    [job({}), 0.5],
    [job({ total: 0 }), 2],
    [job({ done: 12 }), 1],
    [job({ state: 'paused' }), 0.5],
    [job({ state: 'done' }), -1],
    [job({ state: 'failed' }), -1],
  ])('is a part of the whole', (given, shown) => expect(progressOf(given)).toBe(shown));

  it('tells of the end of a long job to someone who looks elsewhere', () => {
    const told = (state: Job['state'], focused: boolean, after: number): boolean => {
      const news = new JobNews();
      expect(news.take(job({}), focused, 1000)).toBe(false);
      return news.take(job({ state }), focused, 1000 + after);
    };
    expect(told('done', false, 31_000)).toBe(true);
    expect(told('failed', false, 31_000)).toBe(true);
    expect(told('done', true, 31_000)).toBe(false);
    expect(told('done', false, 29_000)).toBe(false);
    expect(told('cancelled', false, 31_000)).toBe(false);
  });
});

it.each([
  [undefined, undefined],
  ['', undefined],
  ['1', undefined],
  ['http://updates.test/', undefined],
  ['https://updates.test/iris', 'https://updates.test/iris'],
])('with IRIS_UPDATE_FEED=%j updates are looked for at %j', (value, feed) =>
  expect(updateFeed(value)).toBe(feed),
);
