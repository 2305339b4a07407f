/** A host over a made-up page folder, with the headers of its page and of its foes. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { cookieName } from '../../src/main/web-guard.ts';
import { serveWeb, type WebHost } from '../../src/main/web.ts';
import { fakeEngine } from './fake-engine.ts';
import { sendRaw, type RawAnswer } from './raw.ts';

export const token = 'a-test-token-of-more-than-128-bits';
export const engine = fakeEngine({ photos: 12, troubles: true });
export const json = { 'Content-Type': 'application/json' };
const secret = 'nothing outside the page folder may be served';

export type Headers = Record<string, string | readonly string[]>;

export let folder: string;
export let host: WebHost;
export let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iris-web-'));
  const pageDir = join(folder, 'page');
  await mkdir(join(pageDir, 'assets'), { recursive: true });
  await mkdir(join(folder, 'page-private'));
  await writeFile(join(pageDir, 'index.html'), '<!doctype html><title>Iris</title>');
  await writeFile(join(pageDir, 'assets', 'main.js'), 'export {};');
  await writeFile(join(pageDir, 'assets', 'notes.txt'), secret);
  await writeFile(join(folder, 'secret.js'), secret);
  await writeFile(join(folder, 'page-private', 'secret.js'), secret);
  await symlink(join(folder, 'secret.js'), join(pageDir, 'assets', 'link.js'));
  host = await serveWeb(engine, { pageDir, token });
  port = Number(new URL(host.origin).port);
});

afterAll(async () => {
  await host.close();
  await rm(folder, { recursive: true });
});

export const own = (): string => `127.0.0.1:${port}`;
export const cookie = (value = token): Headers => ({ Host: own(), Cookie: `${cookieName(port)}=${value}` });
export const bearer = (value = token): Headers => ({ Host: own(), Authorization: `Bearer ${value}` });
/** What the page itself sends with a call. */
export const page = (): Headers => ({
  ...cookie(),
  ...json,
  Origin: host.origin,
  'Sec-Fetch-Site': 'same-origin',
});

export function call(method: string, body: string, headers: Headers): Promise<RawAnswer> {
  return sendRaw(port, {
    method: 'POST',
    target: `/api/${method}`,
    headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    body,
  });
}

/** What must hold for every answer, whatever was asked. */
export function expectGuarded(answer: RawAnswer): void {
  expect(answer.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  expect(answer.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
  expect(answer.headers.get('cache-control')).toMatch(/^(no-store|private, no-cache)$/);
  expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  expect(answer.body).not.toContain(secret);
  expect(answer.body).not.toContain(token);
}
