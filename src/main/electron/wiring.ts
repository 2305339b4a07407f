/** Connects the handlers with Electron: channels, schemes, dialogs, dock, notifications and power. */
import {
  BrowserWindow,
  dialog,
  ipcMain,
  nativeImage,
  Notification,
  powerMonitor,
  protocol,
  shell,
  type IpcMainEvent,
  type IpcMainInvokeEvent,
  type OpenDialogOptions,
} from 'electron';
import type { Engine } from '../../shared/contract.ts';
import { channels } from '../../shared/desktop.ts';
import { reasonOf } from '../../shared/errors.ts';
import { log } from '../lib/log.ts';
import { pageAnswer, photoAnswer } from './files.ts';
import { createHandlers, type Machine } from './handlers.ts';
import { JobNews, progressOf, SleepGuard } from './lifecycle.ts';
import { pageScheme, photoScheme, type Sender } from './policy.ts';
import type { HostWords } from './words.ts';

type CurrentWindow = () => BrowserWindow | undefined;

/** Must be called before the app is ready. */
export function registerSchemes(): void {
  const privileges = { standard: true, secure: true, supportFetchAPI: true };
  protocol.registerSchemesAsPrivileged([
    { scheme: pageScheme, privileges: { ...privileges, codeCache: true } },
    { scheme: photoScheme, privileges: { standard: true, secure: true } },
  ]);
}

export function answerSchemes(engine: Engine, pageDir: string): void {
  protocol.handle(pageScheme, ({ method, url }) => pageAnswer(pageDir, method, url));
  protocol.handle(photoScheme, ({ method, url }) => photoAnswer(engine, method, url));
}

function senderOf({ sender, senderFrame }: IpcMainEvent | IpcMainInvokeEvent): Sender {
  const frame = senderFrame && {
    url: senderFrame.url,
    origin: senderFrame.origin,
    isMain: senderFrame === sender.mainFrame,
  };
  return { contents: sender.id, frame };
}

export function answerChannels(engine: Engine, window: CurrentWindow, words: HostWords): void {
  const handlers = createHandlers(engine, machineOf(window, words));
  const { pickFolders, pickModelFolder, pickExportFolder, reveal, openMap } = channels;
  for (const channel of [pickFolders, pickModelFolder, pickExportFolder, reveal, openMap])
    ipcMain.handle(channel, (event, ...args: unknown[]) => handlers[channel](senderOf(event), args, []));
  for (const channel of [channels.engine, channels.startDrag])
    ipcMain.on(channel, (event, ...args: unknown[]) => {
      handlers[channel](senderOf(event), args, event.ports).catch((error: unknown) =>
        log.warn(`${channel}: ${reasonOf(error)}`),
      );
    });
}

function machineOf(window: CurrentWindow, words: HostWords): Machine {
  const choose = async (title: string, properties: OpenDialogOptions['properties']): Promise<string[]> => {
    const options = { title, ...(properties && { properties }) };
    const parent = window();
    const { filePaths } = await (parent
      ? dialog.showOpenDialog(parent, options)
      : dialog.showOpenDialog(options));
    return filePaths;
  };
  return {
    ownContents: () => window()?.webContents.id,
    chooseFolders: () => choose(words.chooseFolders, ['openDirectory', 'multiSelections']),
    chooseModelFolder: async () => (await choose(words.chooseModel, ['openDirectory']))[0],
    chooseExportFolder: async () =>
      (await choose(words.chooseExport, ['openDirectory', 'createDirectory']))[0],
    showInFolder: (file) => shell.showItemInFolder(file),
    drag(file, icon) {
      const image = nativeImage.createFromBuffer(Buffer.from(icon)).resize({ width: 128 });
      window()?.webContents.startDrag({ file, icon: image });
    },
    openExternal: (url) => shell.openExternal(url),
  };
}

/** Shows jobs in the dock or taskbar, and tells of the end of a long one. Ends with the signal. */
export async function followJobs(
  engine: Engine,
  window: CurrentWindow,
  words: HostWords,
  signal: AbortSignal,
): Promise<void> {
  const news = new JobNews();
  for await (const event of engine.events({}, signal)) {
    if (event.type !== 'job') continue;
    const { job } = event;
    window()?.setProgressBar(progressOf(job), { mode: job.state === 'paused' ? 'paused' : 'normal' });
    const focused = window()?.isFocused() ?? false;
    if (news.take(job, focused, performance.now()) && Notification.isSupported())
      new Notification(words.done(job)).show();
  }
}

export function guardSleep(engine: Engine): void {
  const guard = new SleepGuard(engine);
  const tell = (error: unknown): void => log.warn(reasonOf(error));
  powerMonitor.on('suspend', () => void guard.suspend().catch(tell));
  powerMonitor.on('resume', () => void guard.resume().catch(tell));
}
