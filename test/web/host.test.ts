/** Who may speak to the loopback host: names, tokens and origins that a website or another user could send. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cookieName } from '../../src/main/web-guard.ts';
import { serveWeb } from '../../src/main/web.ts';
import {
  bearer,
  call,
  cookie,
  engine,
  expectGuarded,
  folder,
  host,
  json,
  own,
  page,
  port,
  token,
  type Headers,
} from './hosted.ts';
import { sendRaw, type RawRequest } from './raw.ts';

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
