/** What may be asked of the loopback host: calls, bodies, files and HTTP that no page would send. */
import { describe, expect, test } from 'vitest';
import { call, cookie, expectGuarded, host, page, port, type Headers } from './hosted.ts';
import { sendBytes, sendRaw } from './raw.ts';

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
      expect(answer.status).toBe(404);
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
