/** The answers of the app's own two schemes: files of the built page, and photos by id. */
import type { Engine } from '../../shared/contract.ts';
import { securityHeaders } from '../web-guard.ts';
import { pageFile } from '../web-page.ts';
import { contentPolicy, pagePath, photoRequest } from './policy.ts';

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
  const file = asked === undefined ? undefined : await pageFile(pageDir, asked);
  if (!file) return answer(404, pageHeaders, null);
  return answer(200, { ...pageHeaders, 'Content-Type': file.type }, file.bytes);
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
