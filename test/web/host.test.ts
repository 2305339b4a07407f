/** The loopback host against everything a website, another user or a broken client could send it. */
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cookieName } from '../../src/main/web-guard.ts';
import { serveWeb, type WebHost } from '../../src/main/web.ts';
import { fakeEngine } from './fake-engine.ts';
import { sendBytes, sendRaw, type RawAnswer, type RawRequest } from './raw.ts';

const token = 'a-test-token-of-more-than-128-bits';
const secret = 'nothing outside the page folder may be served';
let folder: string;
let host: WebHost;
let port: number;
const engine = fakeEngine({ photos: 12, troubles: true });

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

type Headers = Record<string, string | readonly string[]>;

const own = (): string => `127.0.0.1:${port}`;
const cookie = (value = token): Headers => ({ Host: own(), Cookie: `${cookieName(port)}=${value}` });
const bearer = (value = token): Headers => ({ Host: own(), Authorization: `Bearer ${value}` });
const json = { 'Content-Type': 'application/json' };
/** What the page itself sends with a call. */
const page = (): Headers => ({ ...cookie(), ...json, Origin: host.origin, 'Sec-Fetch-Site': 'same-origin' });

function call(method: string, body: string, headers: Headers): Promise<RawAnswer> {
  return sendRaw(port, {
    method: 'POST',
    target: `/api/${method}`,
    headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    body,
  });
}

/** What must hold for every answer, whatever was asked. */
function expectGuarded(answer: RawAnswer): void {
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

describe('Host', () => {
  const wrong: [string, () => Headers][] = [
    ['a name rebound to 127.0.0.1', () => ({ Host: `evil.test:${port}` })],
    ['a rebound name without port', () => ({ Host: 'evil.test' })],
    ['the address without port', () => ({ Host: '127.0.0.1' })],
    ['another port', () => ({ Host: `127.0.0.1:${port + 1}` })],
    ['localhost without port', () => ({ Host: 'localhost' })],
    ['a name that starts like ours', () => ({ Host: `127.0.0.1.evil.test:${port}` })],
    ['a name that ends like ours', () => ({ Host: `evil.test#127.0.0.1:${port}` })],
    ['user information before ours', () => ({ Host: `evil@127.0.0.1:${port}` })],
    ['a trailing dot', () => ({ Host: `localhost.:${port}` })],
    ['another case', () => ({ Host: `LOCALHOST:${port}` })],
    ['the address as one number', () => ({ Host: `2130706433:${port}` })],
    ['the short address', () => ({ Host: `127.1:${port}` })],
    ['IPv6 loopback', () => ({ Host: `[::1]:${port}` })],
    ['the unspecified address', () => ({ Host: `0.0.0.0:${port}` })],
    ['an empty value', () => ({ Host: '' })],
    ['no Host at all', () => ({})],
    ['two Hosts', () => ({ Host: [own(), 'evil.test'] })],
  ];
  for (const [name, headers] of wrong) {
    test(`${name}: 403, though the token is right`, async () => {
      const answer = await sendRaw(port, {
        headers: { ...cookie(), ...bearer(), ...{ Host: [] }, ...headers() },
      });
      expect([403, 400]).toContain(answer.status);
      expect(answer.status === 400 ? name : 'two Hosts').toBe('two Hosts');
      expectGuarded(answer);
    });
  }
  test('the check comes before the token: the right token in the address sets no cookie', async () => {
    const answer = await sendRaw(port, {
      target: `/?token=${token}`,
      headers: { Host: `evil.test:${port}` },
    });
    expect(answer.status).toBe(403);
    expect(answer.headers.has('set-cookie')).toBe(false);
  });
  test('an absolute target does not replace the Host', async () => {
    const answer = await sendRaw(port, { target: `http://evil.test:${port}/`, headers: cookie() });
    expect(answer.status).toBe(403);
    expectGuarded(answer);
  });
  test('localhost with the port is ours', async () => {
    const answer = await sendRaw(port, { headers: { ...cookie(), Host: `localhost:${port}` } });
    expect(answer.status).toBe(200);
    expectGuarded(answer);
  });
});

describe('Token', () => {
  const absent: [string, () => RawRequest][] = [
    ['no token, page', () => ({ headers: { Host: own() } })],
    ['no token, asset', () => ({ target: '/assets/main.js', headers: { Host: own() } })],
    ['no token, thumbnail', () => ({ target: '/thumbnail/1', headers: { Host: own() } })],
    ['no token, unknown path', () => ({ target: '/nothing', headers: { Host: own() } })],
    ['wrong cookie', () => ({ headers: cookie('b-test-token-of-more-than-128-bits') })],
    ['empty cookie', () => ({ headers: cookie('') })],
    ['a prefix of the token', () => ({ headers: cookie(token.slice(0, -1)) })],
    ['the token and more', () => ({ headers: cookie(`${token}x`) })],
    [
      "another port's cookie",
      () => ({ headers: { Host: own(), Cookie: `${cookieName(port + 1)}=${token}` } }),
    ],
    ['wrong Bearer', () => ({ headers: bearer('wrong') })],
    ['wrong Bearer beside the right cookie', () => ({ headers: { ...cookie(), ...bearer('wrong') } })],
    ['Basic instead of Bearer', () => ({ headers: { Host: own(), Authorization: `Basic ${token}` } })],
    ['empty Bearer', () => ({ headers: { Host: own(), Authorization: 'Bearer ' } })],
    ['wrong token in the address', () => ({ target: '/?token=wrong', headers: { Host: own() } })],
    ['empty token in the address', () => ({ target: '/?token=', headers: { Host: own() } })],
    [
      'token in the address of an asset',
      () => ({ target: `/assets/main.js?token=${token}`, headers: { Host: own() } }),
    ],
    [
      'token in the address of a call',
      () => ({ method: 'POST', target: `/?token=${token}`, headers: { Host: own() } }),
    ],
  ];
  for (const [name, request] of absent) {
    test(`${name}: 401`, async () => {
      const answer = await sendRaw(port, request());
      expect(answer.status).toBe(401);
      expect(answer.headers.has('set-cookie')).toBe(false);
      expectGuarded(answer);
    });
  }
  test('the right one in the address becomes a strict cookie and leaves the address', async () => {
    const answer = await sendRaw(port, { target: `/?token=${token}`, headers: { Host: own() } });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('/');
    const set = answer.headers.get('set-cookie') ?? '';
    expect(set).toContain(`${cookieName(port)}=${token}`);
    expect(set).toContain('HttpOnly');
    expect(set).toContain('SameSite=Strict');
    expect(set).not.toMatch(/Domain|Expires|Max-Age/i);
  });
  test('cookie and Bearer both open the page', async () => {
    for (const headers of [cookie(), bearer()]) {
      const answer = await sendRaw(port, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expectGuarded(answer);
    }
  });
  test('each launch has its own of at least 128 bits, and the old one is dead', async () => {
    const second = await serveWeb(engine, { pageDir: join(folder, 'page') });
    const fresh = new URL(second.url).searchParams.get('token') ?? '';
    expect(Buffer.from(fresh, 'base64url').length).toBeGreaterThanOrEqual(16);
    const secondPort = Number(new URL(second.origin).port);
    const old = { Host: `127.0.0.1:${secondPort}`, Cookie: `${cookieName(secondPort)}=${token}` };
    expect((await sendRaw(secondPort, { headers: old })).status).toBe(401);
    await second.close();
  });
  test('a short token is refused', async () => {
    await expect(serveWeb(engine, { pageDir: folder, token: 'short' })).rejects.toThrow('22 characters');
  });
});

describe('Origin and site', () => {
  const foreign: [string, () => Headers][] = [
    ['no Origin with the cookie', () => ({ ...cookie(), ...json })],
    ['a foreign Origin', () => ({ ...page(), Origin: 'https://evil.test' })],
    ['a null Origin', () => ({ ...page(), Origin: 'null' })],
    ['an empty Origin', () => ({ ...page(), Origin: '' })],
    ['https on our port', () => ({ ...page(), Origin: `https://127.0.0.1:${port}` })],
    ['another local port', () => ({ ...page(), Origin: `http://127.0.0.1:${port + 1}` })],
    ['our other name', () => ({ ...page(), Origin: `http://localhost:${port}` })],
    ['our origin and a slash', () => ({ ...page(), Origin: `${host.origin}/` })],
    ['two Origins', () => ({ ...page(), Origin: [host.origin, 'https://evil.test'] })],
    ['a cross-site fetch', () => ({ ...page(), 'Sec-Fetch-Site': 'cross-site' })],
    ['a same-site fetch (another local port)', () => ({ ...page(), 'Sec-Fetch-Site': 'same-site' })],
    ['an unknown site', () => ({ ...page(), 'Sec-Fetch-Site': 'SAME-ORIGIN' })],
    ['a Bearer token with a foreign Origin', () => ({ ...bearer(), ...json, Origin: 'https://evil.test' })],
    ['a Bearer token with a null Origin', () => ({ ...bearer(), ...json, Origin: 'null' })],
  ];
  for (const [name, headers] of foreign) {
    test(`${name}: 403`, async () => {
      const before = engine.calls.length;
      const answer = await call('photos', '{"offset":0,"limit":5}', headers());
      expect(answer.status).toBe(403);
      expect(engine.calls.length).toBe(before);
      expectGuarded(answer);
    });
  }
  test('a thumbnail wanted by another site is refused, a link to the page is not', async () => {
    const image = { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Dest': 'image' };
    expect((await sendRaw(port, { target: '/thumbnail/1', headers: image })).status).toBe(403);
    const link = { ...cookie(), 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'document' };
    expect((await sendRaw(port, { headers: link })).status).toBe(200);
    const frame = { ...cookie(), 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'iframe' };
    expect((await sendRaw(port, { headers: frame })).status).toBe(403);
  });
  test('a preflight gets no permission', async () => {
    const headers = { ...page(), Origin: 'https://evil.test', 'Access-Control-Request-Method': 'POST' };
    const answer = await sendRaw(port, { method: 'OPTIONS', target: '/api/photos', headers });
    expect(answer.status).toBe(403);
    expectGuarded(answer);
  });
  test('the page and a Bearer client without Origin may call', async () => {
    for (const headers of [page(), { ...bearer(), ...json }, { ...bearer(), ...json, Origin: host.origin }]) {
      const answer = await call('photos', '{"offset":0,"limit":5}', headers);
      expect(answer.status).toBe(200);
      expect(answer.body).toContain('"total":12');
      expectGuarded(answer);
    }
  });
});

describe('Calls', () => {
  const types: [string, Headers][] = [
    ['no content type', {}],
    ['text/plain', { 'Content-Type': 'text/plain' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['multipart', { 'Content-Type': 'multipart/form-data; boundary=x' }],
    ['JSON hidden in text/plain', { 'Content-Type': 'text/plain; application/json' }],
    ['a type that starts like JSON', { 'Content-Type': 'application/jsonp' }],
  ];
  for (const [name, type] of types) {
    test(`${name}: 415`, async () => {
      const answer = await call('status', '{}', { ...cookie(), Origin: host.origin, ...type });
      expect(answer.status).toBe(415);
      expectGuarded(answer);
    });
  }
  const inherited = ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
  const hidden = ['thumbnail', 'close', 'emit', 'calls', 'then', 'Status', 'status%00', 'status%2f..'];
  for (const method of [...inherited, ...hidden]) {
    test(`${method} is no method: 404`, async () => {
      const answer = await call(method, '{}', page());
      expect(answer.status).toBe(404);
      expectGuarded(answer);
    });
  }
  const bodies: [string, string, string, string][] = [
    ['nothing', 'status', '', 'status: expected a JSON object'],
    ['half an object', 'status', '{"a":', 'status: expected a JSON object'],
    ['a list', 'status', '[]', 'status: Invalid input: expected object'],
    ['a number', 'status', '7', 'status: Invalid input: expected object'],
    ['null', 'status', 'null', 'status: Invalid input: expected object'],
    ['no arguments', 'photos', '{}', 'photos.offset: '],
    ['a text for a number', 'photos', '{"offset":"0","limit":5}', 'photos.offset: '],
    ['a limit too large', 'photos', '{"offset":0,"limit":1001}', 'photos.limit: '],
    ['a negative offset', 'photos', '{"offset":-1,"limit":5}', 'photos.offset: '],
    ['a fraction', 'photo', '{"id":1.5}', 'photo.id: '],
    ['an id of 0', 'photo', '{"id":0}', 'photo.id: '],
    ['an id only as inherited', 'photo', '{"__proto__":{"id":1}}', 'photo.id: '],
    ['a text too long', 'search', JSON.stringify({ query: 'x'.repeat(20_001) }), 'search.query: '],
    ['an empty path', 'addFolder', '{"path":""}', 'addFolder.path: '],
    ['an unknown format', 'export', '{"format":"exe"}', 'export.format: '],
    ['neither id nor path', 'caption', '{"photo":{}}', 'caption.photo: '],
    ['100,000 nested lists', 'status', '['.repeat(100_000), 'status: expected a JSON object'],
  ];
  for (const [name, method, body, message] of bodies) {
    test(`${name} to ${method}: 400 that names the field`, async () => {
      const answer = await call(method, body, page());
      expect(answer.status).toBe(400);
      expect(answer.body).toContain(`"message":"${message}`);
      expectGuarded(answer);
    });
  }
  test('a body over 1 MB: 413, declared or chunked', async () => {
    const body = JSON.stringify({ query: 'x'.repeat(1_100_000) });
    expect((await call('search', body, page())).status).toBe(413);
    const chunked = { ...page(), 'Transfer-Encoding': 'chunked' };
    const answer = await sendRaw(port, {
      method: 'POST',
      target: '/api/search',
      headers: chunked,
      body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    });
    expect(answer.status).toBe(413);
    expectGuarded(answer);
  });
  test("errors carry the engine's code and a status that fits", async () => {
    const answer = await call('photo', '{"id":999}', page());
    expect(answer.status).toBe(404);
    expect(answer.body).toContain('"code":"not-found"');
    const failed = await call('caption', '{"photo":{"id":5}}', page());
    expect(failed.status).toBe(422);
  });
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
    test(`${method} is no way to call`, async () => {
      const answer = await sendRaw(port, { method, target: '/api/status', headers: page() });
      expect([403, 404, 405, 500]).toContain(answer.status);
      expect(answer.body).not.toContain('library');
      expectGuarded(answer);
    });
  }
});

describe('Files and thumbnails', () => {
  const out = [
    '/../secret.js',
    '/assets/../../secret.js',
    '/%2e%2e/secret.js',
    '/assets/%2e%2e/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '/assets/..%2f..%2fsecret.js',
    '/%2e%2e%2fpage-private/secret.js',
    '/..%5csecret.js',
    '/..\\secret.js',
    '//secret.js',
    '/%2fetc/passwd',
    '/assets/main.js%00.html',
    '/%00',
    '/%',
    '/%ff%fe.js',
    '/%252e%252e/secret.js',
    '/assets/link.js',
    '/assets/notes.txt',
    '/assets',
    '/assets/',
    '/thumbnail/../assets/notes.txt',
    '/thumbnail/0',
    '/thumbnail/-1',
    '/thumbnail/1.5',
    '/thumbnail/999',
    '/thumbnail/1e3',
    '/thumbnail/99999999999999999999',
    '/thumbnail/%2e%2e%2fsecret.js',
  ];
  for (const target of out) {
    test(`${target} gives nothing`, async () => {
      const answer = await sendRaw(port, { target, headers: cookie() });
      expect([400, 404]).toContain(answer.status);
      expectGuarded(answer);
    });
  }
  test('an asset comes with its type', async () => {
    const answer = await sendRaw(port, { target: '/assets/main.js', headers: cookie() });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expectGuarded(answer);
  });
  test('a thumbnail is a private JPEG, sent again only where it changed', async () => {
    const answer = await sendRaw(port, { target: '/thumbnail/1', headers: cookie() });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    const etag = answer.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{32}"$/);
    const again = await sendRaw(port, {
      target: '/thumbnail/1',
      headers: { ...cookie(), 'If-None-Match': etag },
    });
    expect(again.status).toBe(304);
    expect(again.body).toBe('');
    expectGuarded(again);
  });
  test('a photo without thumbnail: 404', async () => {
    expect((await sendRaw(port, { target: '/thumbnail/5', headers: cookie() })).status).toBe(404);
  });
});

describe('Broken HTTP', () => {
  const broken: [string, string][] = [
    ['no request line', 'hello\r\n\r\n'],
    ['a bad header', 'GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n'],
    ['a huge header', `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
    [
      'length and chunks at once',
      'POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
    ],
  ];
  for (const [name, bytes] of broken) {
    test(`${name}: refused with the same headers`, async () => {
      const answer = await sendBytes(port, bytes);
      expect([400, 403]).toContain(answer.status);
      expectGuarded(answer);
    });
  }
  test('the host still answers after all this', async () => {
    expect((await sendRaw(port, { headers: cookie() })).status).toBe(200);
  });
});
