/** The page as the desktop app's window holds it: its calls over a message port, its dialogs the system's, a menu. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { portMessage, type DesktopCommand } from '../../src/shared/desktop.ts';
import { serve, type Request } from '../../src/shared/rpc.ts';
import { fakeEngine, type FakeEngine } from '../web/fake-engine.ts';
import { buildPage, eventually, faults, hasChromium, launch, openPage, type OpenPage } from './browser.ts';

/** In the shape of the preload's: the engine and the desktop answer from the test's own process. */
const bridge = `
  const ask = (name) => (...args) => window.toDesktop(name, args);
  window.iris = {
    connect() {
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = ({ data }) => void window.toEngine(data);
      window.fromEngine = (reply) => port2.postMessage(reply);
      window.postMessage('${portMessage}', location.origin, [port1]);
    },
    desktop: {
      ...Object.fromEntries(
        ['pickFolders', 'pickModelFolder', 'pickExportFolder', 'reveal', 'startDrag', 'openMap'].map((name) => [name, ask(name)]),
      ),
      pathOf: () => '',
      onCommand: (listener) => ((window.command = listener), () => undefined),
    },
  };`;

describe.skipIf(!hasChromium())('the desktop window', () => {
  let browser: Browser;
  const chosen: Record<string, unknown> = {
    pickFolders: ['/photos/New'],
    pickModelFolder: null,
    pickExportFolder: '/exports',
  };

  beforeAll(async () => {
    await buildPage();
    browser = await launch();
  });
  afterAll(() => browser.close());

  /** A page with the bridge, and what the desktop was asked by it, as names and arguments. */
  async function open(engine: FakeEngine): Promise<OpenPage & { asked: string[] }> {
    const asked: string[] = [];
    async function lay(page: Page): Promise<void> {
      let hear: (request: Request) => void = () => undefined;
      await page.exposeFunction('toEngine', (request: Request) => hear(request));
      await page.exposeFunction('toDesktop', (name: string, args: unknown[]) => {
        asked.push(`${name} ${JSON.stringify(args)}`);
        return chosen[name];
      });
      await page.addInitScript({ content: bridge });
      serve(engine, {
        send: (reply) =>
          void page.evaluate(`window.fromEngine(${JSON.stringify(reply)})`).catch(() => undefined),
        onMessage: (listener) => void (hear = listener),
        onClose: () => undefined,
      });
    }
    return { ...(await openPage(browser, engine, {}, lay)), asked };
  }

  /** Pictures come by the desktop's own protocol, which no browser knows: that alone may fail here. */
  const broken = ({ watch }: OpenPage): string[] =>
    faults(watch).filter((fault) => !fault.includes('photo:'));

  test('folders are picked in the system’s dialog, and the first photos come', async () => {
    const engine = fakeEngine({ photos: 0 });
    const opened = await open(engine);
    await opened.page.getByRole('button', { name: 'Choose folders' }).click();
    await eventually(() => opened.asked).toEqual(['pickFolders []']);
    await eventually(() => engine.calls.filter((call) => /^(addFolder|index) /.test(call))).toEqual([
      'addFolder {"path":"/photos/New"}',
      'index {}',
    ]);
    expect(await opened.page.getByRole('dialog').count()).toBe(0);
    expect(broken(opened)).toEqual([]);
    await opened.close();
  });

  test('photos are dragged out and opened from elsewhere, the menu is obeyed, files and places are shown', async () => {
    const engine = fakeEngine();
    const opened = await open(engine);
    const { page, asked } = opened;
    const command = (sent: DesktopCommand): Promise<unknown> =>
      page.evaluate(`window.command(${JSON.stringify(sent)})`);
    const tile = await page.getByRole('option', { name: 'IMG_1003.jpg' }).boundingBox();
    if (!tile) throw new Error('There is no third photo.');
    await page.mouse.move(tile.x + tile.width / 2, tile.y + tile.height / 2);
    await page.mouse.down();
    await page.mouse.move(tile.x + tile.width / 2 + 60, tile.y + tile.height / 2 + 40, { steps: 6 });
    await page.mouse.up();
    await eventually(() => asked).toEqual(['startDrag [3]']);

    await command({ type: 'settings' });
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await command({ type: 'show-photo', id: 7 });
    const panel = page.getByRole('complementary', { name: 'Photo: IMG_1007.jpg' });
    await panel.getByText('Details').click();
    await panel.getByRole('button', { name: 'Show the file in its folder' }).click();
    await panel.getByRole('link', { name: 'Open in OpenStreetMap' }).click();
    await eventually(() => asked.slice(1)).toEqual(['reveal [7]', 'openMap [48.8584,2.2945]']);
    await command({ type: 'find' });
    await eventually(() => page.evaluate("document.activeElement?.getAttribute('role')")).toBe('searchbox');
    await command({ type: 'keys' });
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await command({ type: 'add-folder' });
    await eventually(() => asked.at(-1)).toBe('pickFolders []');

    await page.getByRole('listbox').focus();
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Choose a folder…' }).click();
    await page.getByText('/exports', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('button', { name: 'Add from a folder' }).click();
    await eventually(() => asked.at(-1)).toBe('pickModelFolder []');
    expect(engine.calls.filter((call) => call.startsWith('addModel '))).toEqual([]);
    expect(broken(opened)).toEqual([]);
    await opened.close();
  });
});
