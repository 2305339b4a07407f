/** Who may speak to the loopback host: pure checks of a request, apart from any server. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { resolve } from 'node:path';
import { below } from './lib/paths.ts';

/** Sent with every answer, refusals too. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** 192 random bits, safe in an address and in a cookie. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Compares digests, so that neither the content nor the length of the token shows in the time. */
export function sameToken(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(digest(given ?? ''), digest(expected)) && given !== undefined;
}

/** Cookies are shared by all ports of a host, so the name carries ours. */
export function cookieName(port: number): string {
  return `iris-token-${port}`;
}

/** The origin for each `Host` this port answers to; nothing else is ever taken from a request. */
export function originsByHost(port: number): ReadonlyMap<string, string> {
  return new Map(['127.0.0.1', 'localhost'].map((name) => [`${name}:${port}`, `http://${name}:${port}`]));
}

/** A request's single `Host` value; none and two are the same: nothing to trust. */
export function hostOf(rawHeaders: readonly string[]): string | undefined {
  const hosts = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'host');
  return hosts.length === 1 ? hosts[0] : undefined;
}

export interface Claims {
  method: string;
  origin: string | undefined;
  site: string | undefined;
  destination: string | undefined;
  contentType: string | undefined;
  /** True where the token came in the Authorization header, which no website can send unasked. */
  bearer: boolean;
}

/** Why an authenticated request is still refused, as status and words; undefined if it may go on. */
export function refusal(claims: Claims, origin: string): { status: 403 | 415; message: string } | undefined {
  const { method, site, destination, contentType, bearer } = claims;
  const ownSite = site === undefined || site === 'same-origin' || site === 'none';
  // A link from elsewhere may open the page (it cannot frame or read it); nothing else may come in that way.
  if (!ownSite && !(method === 'GET' && destination === 'document')) {
    return { status: 403, message: 'This request came from another site.' };
  }
  if (claims.origin !== undefined && claims.origin !== origin) {
    return { status: 403, message: 'This request came from another origin.' };
  }
  if (method !== 'POST') return undefined;
  if (claims.origin === undefined && !bearer) {
    return { status: 403, message: 'A call needs an Origin header or a Bearer token.' };
  }
  if (contentType?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json') {
    return { status: 415, message: 'Expected Content-Type: application/json.' };
  }
  return undefined;
}

/** The absolute path of `urlPath` inside `root`; undefined where it would lead out of it. */
export function pathInside(root: string, urlPath: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
  if (/[\0\\]/.test(path)) return undefined;
  const absolute = resolve(root, `./${path}`);
  return below(root, absolute) === undefined ? undefined : absolute;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
