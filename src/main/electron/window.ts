/** The one window: where it was last time, only our page in it, and back after a crash. */
import { BrowserWindow, dialog, screen, type WebContents } from 'electron';
import path from 'node:path';
import { log } from '../lib/log.ts';
import { CrashLimit } from './lifecycle.ts';
import { pageUrl, webPreferences } from './policy.ts';
import { readState, windowState, writeState } from './window-state.ts';
import type { HostWords } from './words.ts';

export interface WindowPlace {
  preload: string;
  stateFile: string;
  words: HostWords;
}

export function createWindow({ preload, stateFile, words }: WindowPlace): BrowserWindow {
  const main = screen.getPrimaryDisplay();
  const others = screen.getAllDisplays().filter((display) => display.id !== main.id);
  const areas = [main, ...others].map((display) => display.workArea);
  const { bounds, maximized } = windowState(readState(stateFile), areas);
  const window = new BrowserWindow({
    ...bounds,
    minWidth: 480,
    minHeight: 400,
    show: false,
    title: 'Iris',
    backgroundColor: '#111214',
    webPreferences: { ...webPreferences, preload: path.resolve(preload) },
  });
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => remember(window, stateFile));
  reloadAfterCrash(window, words);
  void window.loadURL(pageUrl);
  return window;
}

function remember(window: BrowserWindow, stateFile: string): void {
  try {
    writeState(stateFile, { bounds: window.getNormalBounds(), maximized: window.isMaximized() });
  } catch (error) {
    log.warn(`The window's place could not be written: ${String(error)}`);
  }
}

function reloadAfterCrash(window: BrowserWindow, words: HostWords): void {
  const limit = new CrashLimit();
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit' || window.isDestroyed()) return;
    log.warn(`The page's process is gone (${reason}).`);
    if (limit.mayReload(performance.now())) window.webContents.reload();
    else dialog.showErrorBox(words.crashed, words.crashedWhy);
  });
}

/** Brings the window before the person, whatever state it is in. */
export function showWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** Sends to the page once it listens. */
export function whenLoaded(contents: WebContents, send: () => void): void {
  if (contents.isLoading()) contents.once('did-finish-load', send);
  else send();
}
