/** The answers of the app's own two schemes: files of the built page, and photos by id. */
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../../shared/contract.ts';
import { pathInside, securityHeaders } from '../web-guard.ts';
import { contentPolicy, pagePath, photoRequest } from './policy.ts';

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

const pageHeaders = { ...securityHeaders, 'Content-Security-Policy': contentPolicy };
const photoHeaders = {
  ...securityHeaders,
  'Content-Security-Policy': "default-src 'none'",
  // The page's scheme is another origin than the photos'; nothing else can reach either.
  'Cross-Origin-Resource-Policy': 'cross-origin',
};

function answer(
  status: number,
  headers: Record<string, string>,
  body: Uint8Array<ArrayBuffer> | null,
): Response {
  return new Response(body, { status, headers });
}

/** A file of the page; 404 for everything that is not one, links that lead elsewhere too. */
export async function pageAnswer(pageDir: string, method: string, url: string): Promise<Response> {
  const asked = pagePath(method, url);
  const file = asked === undefined ? undefined : pathInside(pageDir, asked);
  const type = file === undefined ? undefined : contentTypes[path.extname(file)];
  if (file === undefined || type === undefined) return answer(404, pageHeaders, null);
  try {
    if ((await realpath(file)) !== file) return answer(404, pageHeaders, null);
    return answer(200, { ...pageHeaders, 'Content-Type': type }, new Uint8Array(await readFile(file)));
  } catch {
    return answer(404, pageHeaders, null);
  }
}

/** A photo or its thumbnail as a JPEG; never the file itself. */
export async function photoAnswer(
  engine: Pick<Engine, 'thumbnail' | 'picture'>,
  method: string,
  url: string,
): Promise<Response> {
  const asked = photoRequest(method, url);
  if (!asked) return answer(404, photoHeaders, null);
  const read = asked.kind === 'full' ? engine.picture(asked.id) : engine.thumbnail(asked.id);
  const bytes = await read.catch(() => undefined);
  if (!bytes) return answer(404, photoHeaders, null);
  return answer(200, { ...photoHeaders, 'Content-Type': 'image/jpeg' }, new Uint8Array(bytes));
}
