/** What each channel from the page does; Electron is handed in, so that tests can forge senders and arguments. */
import path from 'node:path';
import type { Engine } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { serve } from '../../shared/rpc.ts';
import { channels, type Channel } from '../../shared/desktop.ts';
import { below } from '../lib/paths.ts';
import { enginePort, guardedApi, type MainPort } from './ipc.ts';
import { externalUrl, isTrusted, mapUrl, photoId, type Sender } from './policy.ts';

/** What the handlers need of the machine. */
export interface Machine {
  /** The WebContents of the one window, while there is one. */
  ownContents(): number | undefined;
  chooseFolders(): Promise<string[]>;
  chooseModelFolder(): Promise<string | undefined>;
  chooseExportFolder(): Promise<string | undefined>;
  showInFolder(file: string): void;
  drag(file: string, icon: Uint8Array): void;
  openExternal(url: string): Promise<void>;
}

/** Answers one message of a channel, or throws. */
type Handler = (sender: Sender, args: readonly unknown[], ports: readonly MainPort[]) => Promise<unknown>;

/** The channels that a page may send to. */
export type Handled = Exclude<Channel, typeof channels.command>;

export function createHandlers(engine: Engine, machine: Machine): Record<Handled, Handler> {
  const chosen = new Set<string>();
  const api = guardedApi(engine, { mayExportTo: (folder) => isInsideAny(folder, chosen) });

  const handlers: Record<Handled, (args: readonly unknown[], ports: readonly MainPort[]) => unknown> = {
    [channels.engine](_, [port]) {
      if (!port) throw new AppError('bad-request', 'Expected a port.');
      serve(api, enginePort(port));
    },
    [channels.pickFolders]: () => machine.chooseFolders(),
    [channels.pickModelFolder]: async () => (await machine.chooseModelFolder()) ?? null,
    async [channels.pickExportFolder]() {
      const folder = await machine.chooseExportFolder();
      if (folder !== undefined) chosen.add(folder);
      return folder ?? null;
    },
    async [channels.reveal]([id]) {
      machine.showInFolder(await fileOf(engine, id));
    },
    async [channels.startDrag]([id]) {
      const file = await fileOf(engine, id);
      const icon = await engine.thumbnail(Number(id));
      if (icon) machine.drag(file, icon);
    },
    async [channels.openMap]([latitude, longitude]) {
      const url = externalUrl(mapUrl(latitude, longitude) ?? '');
      if (url === undefined) throw new AppError('bad-request', 'Expected a latitude and a longitude.');
      await machine.openExternal(url);
    },
  };
  const entries = Object.entries(handlers).map(([channel, handler]): [string, Handler] => [
    channel,
    async (sender, args, ports) => {
      if (!isTrusted(sender, machine.ownContents()))
        throw new AppError('bad-request', 'Only the page of Iris may ask this.');
      return await handler(args, ports);
    },
  ]);
  return Object.fromEntries(entries) as Record<Handled, Handler>;
}

/** A file of the photo that is there and whose name this system's programs understand. */
export async function fileOf(engine: Engine, given: unknown): Promise<string> {
  const id = photoId(given);
  if (id === undefined) throw new AppError('bad-request', 'Expected the id of a photo.');
  const { files, name } = await engine.photo({ id });
  const file = files.find((entry) => entry.present && entry.pathBytes === undefined);
  if (file) return file.path;
  throw new AppError('not-found', `The file of ${name} is not there now, or its name is not UTF-8.`);
}

function isInsideAny(folder: string, chosen: ReadonlySet<string>): boolean {
  if (!path.isAbsolute(folder)) return false;
  return [...chosen].some((root) => below(root, folder) !== undefined);
}
