/** What the desktop window may do, as pure functions: no Electron here, so that tables can test every one. */
import path from 'node:path';
import { securityHeaders } from '../web-guard.ts';

/** Where the page lives: a scheme of our own, which serves the built page and nothing else. */
export const pageScheme = 'app';
export const photoScheme = 'photo';
export const pageOrigin = `${pageScheme}://iris`;
export const pageUrl = `${pageOrigin}/`;

/** Given to every window: the page runs as a website would, with no way to Node. */
export const webPreferences = {
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  webviewTag: false,
  navigateOnDragDrop: false,
  spellcheck: false,
} as const;

/** As in the loopback host, plus the pictures, which have a scheme of their own here. */
export const contentPolicy = (securityHeaders['Content-Security-Policy'] ?? "default-src 'none'").replace(
  "img-src 'self'",
  `img-src 'self' ${photoScheme}:`,
);

/** The window shows its own page; anything else, a dropped file too, is refused. */
export function mayNavigate(url: string): boolean {
  return url === pageUrl || url === `${pageUrl}index.html`;
}

/** All that the page ever asks for lies in the app itself; the developer's tools are a page of Chromium's own. */
export function mayLoad(url: string): boolean {
  return /^(?:app:\/\/iris\/|photo:\/\/(?:thumbnail|full)\/|blob:app:\/\/iris\/|data:image\/|devtools:\/\/)/.test(
    url,
  );
}

/** Nothing that a browser asks a person for is needed: no camera, place, notifications, devices. */
const permitted: ReadonlySet<string> = new Set();

export function mayUse(permission: string): boolean {
  return permitted.has(permission);
}

const externalHosts: ReadonlySet<string> = new Set(['www.openstreetmap.org', 'openstreetmap.org']);

/** An address that may be opened in the person's browser, in its normal form; undefined for all others. */
export function externalUrl(given: string): string | undefined {
  const url = URL.parse(given);
  if (url?.protocol !== 'https:' || !externalHosts.has(url.hostname)) return undefined;
  if (url.port !== '' || url.username !== '' || url.password !== '') return undefined;
  return url.href;
}

/** The map of a place; undefined where the numbers are no place on Earth. */
export function mapUrl(latitude: unknown, longitude: unknown): string | undefined {
  if (!within(latitude, 90) || !within(longitude, 180)) return undefined;
  const [lat, lon] = [latitude.toFixed(6), longitude.toFixed(6)];
  return `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=15/${lat}/${lon}`;
}

function within(value: unknown, limit: number): value is number {
  return typeof value === 'number' && Math.abs(value) <= limit;
}

/** Who sent a message, as far as Electron vouches for it. */
export interface Sender {
  /** The id of its WebContents. */
  contents: number;
  /** Null where the frame is gone already. */
  frame: { url: string; origin: string; isMain: boolean } | null;
}

/** Only the main frame of our one window, showing our page, is answered. */
export function isTrusted(sender: Sender, ownContents: number | undefined): boolean {
  const { frame } = sender;
  if (ownContents === undefined || sender.contents !== ownContents || !frame?.isMain) return false;
  return frame.origin === pageOrigin && mayNavigate(frame.url.split('#', 1)[0] ?? '');
}

export interface PhotoRequest {
  kind: 'thumbnail' | 'full';
  id: number;
}

/** Reads `photo://thumbnail/ID` and `photo://full/ID`; ids only, so there is no path to forge. */
export function photoRequest(method: string, url: string): PhotoRequest | undefined {
  const match = method === 'GET' ? /^photo:\/\/(thumbnail|full)\/([1-9]\d{0,14})$/.exec(url) : null;
  return match ? { kind: match[1] as PhotoRequest['kind'], id: Number(match[2]) } : undefined;
}

/** The path part of an address of the page, still encoded; undefined for any other address. */
export function pagePath(method: string, url: string): string | undefined {
  if (method !== 'GET' || !url.startsWith(pageUrl)) return undefined;
  const rest = url.slice(pageOrigin.length).split(/[?#]/, 1)[0] ?? '/';
  return rest === '/' ? '/index.html' : rest;
}

/** A photo id that came from the page; undefined for anything else. */
export function photoId(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

export type Launch =
  | { kind: 'cli'; args: string[] }
  /** Absolute paths of folders and photos to open. */
  | { kind: 'app'; paths: string[] };

/**
 * Reads the arguments of a start. Everything after a first `--cli` is the command line's; otherwise what
 * is no switch is a path, relative to `cwd`. Without a package, Electron's first argument is the program.
 */
export function parseLaunch(argv: readonly string[], packaged: boolean, cwd: string): Launch {
  const given = argv.slice(1);
  const program = packaged ? -1 : given.findIndex((argument) => !argument.startsWith('-'));
  const own = given.filter((_, at) => at !== program);
  const first = own.findIndex((argument) => argument === '--cli' || !argument.startsWith('-'));
  if (own[first] === '--cli') return { kind: 'cli', args: own.slice(first + 1) };
  const paths = own.filter(
    (argument) => argument !== '' && !argument.startsWith('-') && !argument.includes('\0'),
  );
  return { kind: 'app', paths: paths.map((argument) => path.resolve(cwd, argument)) };
}

/** Where to look for updates: nowhere, unless an https address was set. */
export function updateFeed(value: string | undefined): string | undefined {
  const url = URL.parse(value ?? '');
  return url?.protocol === 'https:' ? url.href : undefined;
}
