/** What the desktop app adds to the page: the wire to the engine, and the little that only a desktop can do. */
import type { Port, Reply, Request } from './rpc.ts';

/** Commands of the menu and of "open with" that the page carries out. */
export type DesktopCommand =
  | { type: 'add-folder' }
  | { type: 'find' }
  | { type: 'settings' }
  | { type: 'keys' }
  | { type: 'show-photo'; id: number };

export interface Desktop {
  /** Opens the system's dialog; empty where the person cancelled. */
  pickFolders(): Promise<string[]>;
  /** The folder of a model to be added; null where the person cancelled. */
  pickModelFolder(): Promise<string | null>;
  /** The folder an export may write into; null where the person cancelled. */
  pickExportFolder(): Promise<string | null>;
  /** Shows the photo's file in the system's file manager. */
  reveal(id: number): Promise<void>;
  /** To be called in `dragstart`, after `preventDefault`: the real file is dragged out of the window. */
  startDrag(id: number): void;
  /** Opens a map of this place in the person's browser: the one thing that leaves the machine, when asked. */
  openMap(latitude: number, longitude: number): Promise<void>;
  /** The path of a file or folder that was dropped into the window. */
  pathOf(file: unknown): string;
  /** Gives what ends the listening. */
  onCommand(listener: (command: DesktopCommand) => void): () => void;
}

export interface Bridge {
  /** Sends the page one end of a channel to the engine, as the message `portMessage` with a port. */
  connect(): void;
  desktop: Desktop;
}

/** The names of all channels between preload and main process; nothing else is listened to. */
export const channels = {
  engine: 'iris:engine',
  pickFolders: 'iris:pick-folders',
  pickModelFolder: 'iris:pick-model-folder',
  pickExportFolder: 'iris:pick-export-folder',
  reveal: 'iris:reveal',
  startDrag: 'iris:start-drag',
  openMap: 'iris:open-map',
  /** From the main process to the page. */
  command: 'iris:command',
} as const;

export type Channel = (typeof channels)[keyof typeof channels];

/** The message that carries the port from preload to page. */
export const portMessage = 'iris:port';

/** What a MessagePort is here: the same in a page and in Node. */
export interface WebPort {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
  start(): void;
}

/** The page's end of the wire. It may be used at once: what is sent before the port is there waits for it. */
export function pagePort(arriving: Promise<WebPort>): Port<Reply, Request> {
  return {
    // As JSON, like over HTTP: the page's reactive objects cannot be cloned.
    send: (message) => void arriving.then((port) => port.postMessage(JSON.parse(JSON.stringify(message)))),
    onMessage: (listener) =>
      void arriving.then((port) => {
        port.addEventListener('message', (event) => listener(event.data as Reply));
        port.start();
      }),
    onClose: (listener) =>
      void arriving.then((port) =>
        port.addEventListener('close', () => listener('Iris has closed the connection.')),
      ),
  };
}
