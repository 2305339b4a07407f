/** The only code between page and main process: a port to the engine, and the few things a desktop adds. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { channels, portMessage, type Bridge, type DesktopCommand } from '../shared/desktop.ts';

/** What of the page's window is used; this file is checked with Node's types. */
declare const window: {
  location: { origin: string };
  postMessage(message: unknown, origin: string, transfer: readonly unknown[]): void;
};

const bridge: Bridge = {
  connect() {
    const { port1, port2 } = new MessageChannel();
    ipcRenderer.postMessage(channels.engine, null, [port2]);
    // A port cannot pass the context bridge; a message to our own window can carry it.
    window.postMessage(portMessage, window.location.origin, [port1]);
  },
  desktop: {
    pickFolders: () => ipcRenderer.invoke(channels.pickFolders) as Promise<string[]>,
    pickModelFolder: () => ipcRenderer.invoke(channels.pickModelFolder) as Promise<string | null>,
    pickExportFolder: () => ipcRenderer.invoke(channels.pickExportFolder) as Promise<string | null>,
    reveal: (id) => ipcRenderer.invoke(channels.reveal, id) as Promise<void>,
    startDrag: (id) => ipcRenderer.send(channels.startDrag, id),
    openMap: (latitude, longitude) =>
      ipcRenderer.invoke(channels.openMap, latitude, longitude) as Promise<void>,
    pathOf: (file) => webUtils.getPathForFile(file as Parameters<typeof webUtils.getPathForFile>[0]),
    onCommand(listener) {
      const heard = (_event: unknown, command: DesktopCommand): void => listener(command);
      ipcRenderer.on(channels.command, heard);
      return () => ipcRenderer.off(channels.command, heard);
    },
  },
};

contextBridge.exposeInMainWorld('iris', bridge);
