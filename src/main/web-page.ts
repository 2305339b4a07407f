/** The files of the built page, for the hosts that serve them. */
import { readFile, realpath } from 'node:fs/promises';
import { extname } from 'node:path';
import { pathInside } from './web-guard.ts';

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

export interface PageFile {
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** The file of the page at this path of an address; undefined for everything that is not one. */
export async function pageFile(pageDir: string, urlPath: string): Promise<PageFile | undefined> {
  const path = pathInside(pageDir, urlPath);
  const type = path && contentTypes[extname(path)];
  if (!path || !type) return undefined;
  try {
    // A link inside the folder must not lead out of it either.
    if ((await realpath(path)) !== path) return undefined;
    return { type, bytes: new Uint8Array(await readFile(path)) };
  } catch {
    return undefined;
  }
}
