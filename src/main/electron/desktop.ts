/** The desktop app from start to quit: one instance, one engine, one window. */
import { app, autoUpdater, dialog, Menu, powerMonitor, type BrowserWindow } from 'electron';
import path from 'node:path';
import process from 'node:process';
import type { Engine } from '../../shared/contract.ts';
import { channels, type DesktopCommand } from '../../shared/desktop.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { createEngine, makeReady, restMs } from '../engine.ts';
import { log } from '../lib/log.ts';
import { defaultLibrary, places } from '../lib/places.ts';
import { guardContents, guardSession } from './guards.ts';
import { Quit } from './lifecycle.ts';
import { menuTemplate } from './menu.ts';
import { openPath } from './opening.ts';
import { parseLaunch, updateFeed } from './policy.ts';
import { forkUtility } from './utility.ts';
import { createWindow, showWindow, whenLoaded } from './window.ts';
import { answerChannels, answerSchemes, followJobs, guardSleep, registerSchemes } from './wiring.ts';
import { hostWords } from './words.ts';

/** Starts the app; returns at once, since Electron is ready only after its entry has been read. */
export function startDesktop(paths: readonly string[]): void {
  if (!app.requestSingleInstanceLock()) {
    app.exit(0); // the first instance gets our arguments and comes to the front
    return;
  }
  registerSchemes();
  guardContents();
  const wanted = [...paths];
  let desktop: Desktop | undefined;
  const take = (given: readonly string[]): void => {
    if (desktop) desktop.open(given);
    else wanted.push(...given);
  };
  app.on('second-instance', (_event, argv, cwd) => {
    const launch = parseLaunch(argv, app.isPackaged, cwd);
    take(launch.kind === 'app' ? launch.paths : []);
  });
  app.on('open-file', (event, file) => {
    event.preventDefault();
    take([file]);
  });
  app
    .whenReady()
    .then(async () => {
      desktop = new Desktop(await openEngine());
      desktop.start(wanted);
    })
    .catch((error: unknown) => {
      dialog.showErrorBox(hostWords(app.getLocale()).failedStart, reasonOf(error));
      app.exit(1);
    });
}

/** Where the command line holds the library, the window still shows it, for reading. */
async function openEngine(): Promise<Engine> {
  const options = { library: defaultLibrary(), holder: 'the Iris window', fork: forkUtility };
  try {
    return await createEngine({ ...options, access: 'write', watchMs: restMs });
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'busy')) throw error;
    log.warn(error.message);
    return await createEngine({ ...options, access: 'read' });
  }
}

class Desktop {
  readonly #engine: Engine;
  readonly #words = hostWords(app.getLocale());
  readonly #following = new AbortController();
  #window: BrowserWindow | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  start(paths: readonly string[]): void {
    guardSession();
    const current = (): BrowserWindow | undefined => this.#window;
    makeReady(this.#engine);
    answerSchemes(this.#engine, places.page);
    answerChannels(this.#engine, current, this.#words);
    guardSleep(this.#engine);
    followJobs(this.#engine, current, this.#words, this.#following.signal).catch((error: unknown) =>
      log.warn(reasonOf(error)),
    );
    this.#quitInOrder();
    const template = menuTemplate(process.platform, this.#words, (command) => this.#tell(command));
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
    app.on('activate', () => this.#show());
    this.open(paths);
    lookForUpdates();
  }

  /** Shows the window, and what was asked for in it. */
  open(paths: readonly string[]): void {
    this.#show();
    for (const target of paths) void this.#openPath(target);
  }

  async #openPath(target: string): Promise<void> {
    try {
      const id = await openPath(this.#engine, target, { mayAdd: (folder) => this.#mayAdd(folder) });
      if (id !== undefined) this.#tell({ type: 'show-photo', id });
    } catch (error) {
      dialog.showErrorBox(path.basename(target), reasonOf(error));
    }
  }

  async #mayAdd(folder: string): Promise<boolean> {
    const { addAsk, addWhy, add, cancel } = this.#words;
    const question = {
      message: addAsk(folder),
      detail: addWhy,
      buttons: [add, cancel],
      defaultId: 0,
      cancelId: 1,
    };
    const { response } = await dialog.showMessageBox(this.#show(), question);
    return response === 0;
  }

  #tell(command: DesktopCommand): void {
    const { webContents } = this.#show();
    whenLoaded(webContents, () => webContents.send(channels.command, command));
  }

  #show(): BrowserWindow {
    this.#window ??= this.#create();
    showWindow(this.#window);
    return this.#window;
  }

  #create(): BrowserWindow {
    const window = createWindow({
      preload: places.preload,
      stateFile: path.join(app.getPath('userData'), 'window.json'),
      words: this.#words,
    });
    window.once('closed', () => (this.#window = undefined));
    return window;
  }

  #quitInOrder(): void {
    const close = async (): Promise<void> => {
      this.#following.abort();
      await this.#engine.close();
    };
    const quit = new Quit(close, () => app.exit(0));
    app.on('before-quit', (event) => {
      this.#window?.close();
      quit.wish(event);
    });
    app.on('window-all-closed', () => {
      if (process.platform !== 'darwin') app.quit();
    });
    powerMonitor.on('shutdown', () => app.quit());
  }
}

/** Does nothing, and asks nobody, unless the person named where to ask. */
function lookForUpdates(): void {
  const feed = updateFeed(process.env['IRIS_UPDATE_FEED']);
  if (feed === undefined || !app.isPackaged || process.platform === 'linux') return;
  autoUpdater.on('error', (error) => log.warn(`Looking for an update: ${reasonOf(error)}`));
  autoUpdater.setFeedURL({ url: feed });
  autoUpdater.checkForUpdates();
}
