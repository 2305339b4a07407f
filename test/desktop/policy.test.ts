/** The desktop window's rules, as tables of what is let through and what is not. */
import { describe, expect, it } from 'vitest';
import {
  contentPolicy,
  externalUrl,
  isTrusted,
  mapUrl,
  mayNavigate,
  mayUse,
  pagePath,
  pageUrl,
  parseLaunch,
  photoRequest,
  webPreferences,
  type Sender,
} from '../../src/main/electron/policy.ts';

describe('Navigation', () => {
  it.each([pageUrl, `${pageUrl}index.html`])('stays at %s', (url) => expect(mayNavigate(url)).toBe(true));
  it.each([
    '',
    'about:blank',
    'https://example.com/',
    'http://127.0.0.1/',
    'file:///etc/passwd',
    'data:text/html,<p>',
    'blob:app://iris/1',
    'javascript:alert(1)',
    'app://iris',
    'app://iris.example/',
    'app://iris@example/',
    'app://iris:80/',
    'app://other/',
    'APP://iris/',
    'app://iris/assets/main.js',
    'app://iris/../index.html',
    'photo://full/1',
    ' app://iris/',
    'app://iris/\n',
  ])('refuses %j', (url) => expect(mayNavigate(url)).toBe(false));
});

describe('Addresses opened in the browser', () => {
  it('are a map, by https', () => {
    expect(externalUrl('https://www.openstreetmap.org/?mlat=1')).toBe(
      'https://www.openstreetmap.org/?mlat=1',
    );
    expect(externalUrl('https://openstreetmap.org/copyright')).toBe('https://openstreetmap.org/copyright');
  });
  it.each([
    '',
    'nonsense',
    'http://www.openstreetmap.org/',
    'https://www.openstreetmap.org.evil.test/',
    'https://evil.test/www.openstreetmap.org',
    'https://www.openstreetmap.org@evil.test/',
    'https://me:secret@www.openstreetmap.org/',
    'https://www.openstreetmap.org:8443/',
    'https://tile.openstreetmap.org/1.png',
    'file:///bin/sh',
    'smb://server/share',
    'ms-settings:privacy',
    'javascript:alert(1)',
  ])('are not %j', (url) => expect(externalUrl(url)).toBeUndefined());

  it.each([
    [0, 0],
    [-90, 180],
    [48.858_37, 2.294_48],
    [1e-9, -1e-9],
  ])('a map of %d, %d may be opened', (latitude, longitude) => {
    const url = mapUrl(latitude, longitude);
    expect(externalUrl(url ?? '')).toBe(url);
  });
  it.each([
    [91, 0],
    [0, -181],
    [Number.NaN, 0],
    [Infinity, 0],
    ['1', 2],
    ['1&x=', '2#'],
    [null, undefined],
    [[1], { toString: () => '1' }],
  ])('there is no map of %j, %j', (latitude, longitude) =>
    expect(mapUrl(latitude, longitude)).toBeUndefined(),
  );
});

describe('Permissions', () => {
  it.each([
    'media',
    'geolocation',
    'notifications',
    'fullscreen',
    'openExternal',
    'usb',
    'clipboard-read',
    '',
  ])('%j is denied', (permission) => expect(mayUse(permission)).toBe(false));
  it('gives the page no way to Node', () => {
    expect(webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
    });
  });
  it('has a content policy that names every source, none of them inline or foreign', () => {
    expect(contentPolicy).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' photo: /,
    );
    expect(contentPolicy).not.toMatch(/unsafe|https?:|\*/);
    expect(contentPolicy).toContain("frame-ancestors 'none'");
  });
});

describe('Senders', () => {
  const frame = { url: pageUrl, origin: 'app://iris', isMain: true };
  const cases: [string, Sender, number | undefined, boolean][] = [
    ['our page', { contents: 3, frame }, 3, true],
    ['our page at an anchor', { contents: 3, frame: { ...frame, url: `${pageUrl}#a` } }, 3, true],
    ['another window', { contents: 4, frame }, 3, false],
    ['no window of ours', { contents: 3, frame }, undefined, false],
    ['a frame inside', { contents: 3, frame: { ...frame, isMain: false } }, 3, false],
    ['a frame that is gone', { contents: 3, frame: null }, 3, false],
    [
      'another site',
      { contents: 3, frame: { ...frame, url: 'https://evil.test/', origin: 'https://evil.test' } },
      3,
      false,
    ],
    ['a site that names us', { contents: 3, frame: { ...frame, origin: 'https://evil.test' } }, 3, false],
    ['a sandboxed document', { contents: 3, frame: { ...frame, origin: 'null' } }, 3, false],
    ['a file', { contents: 3, frame: { ...frame, url: 'file:///x.html', origin: 'file://' } }, 3, false],
    ['an error page', { contents: 3, frame: { ...frame, url: 'chrome-error://chromewebdata/' } }, 3, false],
  ];
  it.each(cases)('%s', (_, sender, own, trusted) => expect(isTrusted(sender, own)).toBe(trusted));
});

describe('Addresses of photos and of the page', () => {
  it('are ids', () => {
    expect(photoRequest('GET', 'photo://thumbnail/7')).toEqual({ kind: 'thumbnail', id: 7 });
    expect(photoRequest('GET', 'photo://full/123456789012345')).toEqual({
      kind: 'full',
      id: 123456789012345,
    });
  });
  it.each([
    'photo://thumbnail/0',
    'photo://thumbnail/01',
    'photo://thumbnail/-1',
    'photo://thumbnail/1.5',
    'photo://thumbnail/1e3',
    'photo://thumbnail/1?x',
    'photo://thumbnail/1#x',
    'photo://thumbnail/1/',
    'photo://thumbnail/1\n',
    'photo://thumbnail/%31',
    'photo://thumbnail//etc/passwd',
    'photo://thumbnail/../full/1',
    'photo://original/1',
    'photo://full/1234567890123456',
    'photo:full/1',
    'app://thumbnail/1',
    'PHOTO://full/1',
  ])('are not %j', (url) => expect(photoRequest('GET', url)).toBeUndefined());
  it.each(['POST', 'PUT', 'DELETE', 'get'])('are not read by %s', (method) => {
    expect(photoRequest(method, 'photo://full/1')).toBeUndefined();
    expect(pagePath(method, pageUrl)).toBeUndefined();
  });
  it.each([
    [pageUrl, '/index.html'],
    [`${pageUrl}?x=1`, '/index.html'],
    [`${pageUrl}assets/main.js`, '/assets/main.js'],
    [`${pageUrl}%2e%2e/secret`, '/%2e%2e/secret'],
    ['app://other/index.html', undefined],
    ['app://iris.evil/index.html', undefined],
    ['https://iris/index.html', undefined],
  ])('%s is the page file %s', (url, file) => expect(pagePath('GET', url)).toBe(file));
});

describe('Arguments of a start', () => {
  const app = (...paths: string[]): object => ({ kind: 'app', paths });
  const cli = (...args: string[]): object => ({ kind: 'cli', args });
  const cases: [string, string[], boolean, object][] = [
    ['nothing', ['iris'], true, app()],
    ['a folder', ['iris', 'Photos'], true, app('/home/me/Photos')],
    ['absolute paths', ['iris', '/a/b.jpg', '/c'], true, app('/a/b.jpg', '/c')],
    ['switches of Chromium', ['iris', '--no-sandbox', '-psn_0_1', '/a'], true, app('/a')],
    ['a path with a NUL', ['iris', '/a\0b', ''], true, app()],
    ['a command', ['iris', '--cli', 'search', 'a dog', '--json'], true, cli('search', 'a dog', '--json')],
    ['a command after switches', ['iris', '--no-sandbox', '--cli', 'models'], true, cli('models')],
    ['no command', ['iris', '--cli'], true, cli()],
    ['--cli for the command line itself', ['iris', '--cli', 'ask', '--cli'], true, cli('ask', '--cli')],
    ['a path, then --cli', ['iris', '/a', '--cli', 'x'], true, app('/a', '/home/me/x')],
    ['from source', ['electron', '.', '/a'], false, app('/a')],
    ['from source, with switches', ['electron', '--inspect', '.', '--cli', 'models'], false, cli('models')],
  ];
  it.each(cases)('%s', (_, argv, packaged, launch) =>
    expect(parseLaunch(argv, packaged, '/home/me')).toEqual(launch),
  );
});
