/** What the app's own schemes answer, and what "open with" finds. */
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pageAnswer, photoAnswer } from '../../src/main/electron/files.ts';
import { openPath } from '../../src/main/electron/opening.ts';
import { mayLoad } from '../../src/main/electron/policy.ts';
import { finished, place, samples, scratch, withEngine, withoutModel } from '../engine/helpers.ts';
import { fakeEngine } from '../web/fake-engine.ts';

const folder = scratch();
let pageDir: string;
const secret = 'nothing outside the page folder may be served';

beforeAll(async () => {
  pageDir = path.join(await realpath(folder), 'page');
  await mkdir(path.join(pageDir, 'assets'), { recursive: true });
  await mkdir(path.join(folder, 'page-private'));
  await writeFile(path.join(pageDir, 'index.html'), '<!doctype html>');
  await writeFile(path.join(pageDir, 'assets/main.js'), 'export {};');
  await writeFile(path.join(pageDir, 'assets/notes.txt'), secret);
  await writeFile(path.join(folder, 'secret.js'), secret);
  await writeFile(path.join(folder, 'page-private/secret.js'), secret);
  await symlink(path.join(folder, 'secret.js'), path.join(pageDir, 'assets/link.js'));
});

describe('The page', () => {
  it.each([
    ['app://iris/', 'text/html; charset=utf-8'],
    ['app://iris/index.html', 'text/html; charset=utf-8'],
    ['app://iris/assets/main.js', 'text/javascript; charset=utf-8'],
  ])('is served at %s, with its policy', async (url, type) => {
    const answer = await pageAnswer(pageDir, 'GET', url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(type);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });
  it.each([
    'app://iris/../secret.js',
    'app://iris/%2e%2e/secret.js',
    'app://iris/assets/..%2f..%2fsecret.js',
    'app://iris/..%5csecret.js',
    'app://iris/../page-private/secret.js',
    'app://iris/assets/link.js',
    'app://iris/assets/notes.txt',
    'app://iris/assets',
    'app://iris//etc/passwd',
    'app://iris/index.html%00',
    'app://iris/%',
    'app://other/index.html',
    'file:///etc/passwd',
  ])('%s is not there', async (url) => {
    const answer = await pageAnswer(pageDir, 'GET', url);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
  });
});

describe('Photos', () => {
  const engine = fakeEngine({ photos: 3 });
  it('are JPEGs by id', async () => {
    const answer = await photoAnswer(engine, 'GET', 'photo://thumbnail/1');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await answer.bytes()).length).toBeGreaterThan(100);
  });
  it.each(['photo://thumbnail/999', 'photo://thumbnail/1x', 'photo://full/0', 'photo:///etc/passwd'])(
    '%s is not there',
    async (url) => expect((await photoAnswer(engine, 'GET', url)).status).toBe(404),
  );
  it('that cannot be read are not there, rather than an error', async () => {
    const broken = { ...engine, picture: () => Promise.reject(new Error('broken')) };
    expect((await photoAnswer(broken, 'GET', 'photo://full/1')).status).toBe(404);
  });
});

describe('Requests of the window', () => {
  it.each([
    'app://iris/a.js',
    'photo://full/1',
    'blob:app://iris/x',
    'data:image/png;base64,',
    'devtools://devtools/x',
  ])('%s may be loaded', (url) => expect(mayLoad(url)).toBe(true));
  it.each([
    'http://127.0.0.1:9/',
    'https://example.com/',
    'ws://example.com/',
    'file:///etc/passwd',
    'app://iris.evil/',
    'blob:https://evil.test/x',
    'data:text/html,x',
    'chrome://settings',
    'ftp://x/',
  ])('%s may not', (url) => expect(mayLoad(url)).toBe(false));
});

describe('Open with', () => {
  it('asks before it adds the folder of a photo, then shows the photo; a known one is shown at once', async () => {
    const photos = path.join(await realpath(folder), 'photos');
    const name = 'a photo.jpg';
    await place(photos, {
      [name]: path.join(samples, 'sample-01.jpg'),
      'b.jpg': path.join(samples, 'sample-03.jpg'),
    });
    const target = path.join(photos, name);
    await withEngine({ library: path.join(folder, 'library'), ...withoutModel }, async (engine) => {
      const asked: string[] = [];
      const answer = (may: boolean) => ({
        mayAdd: (wanted: string) => (asked.push(wanted), Promise.resolve(may)),
      });
      expect(await openPath(engine, target, answer(false))).toBeUndefined();
      expect((await engine.status({})).roots).toEqual([]);
      const id = await openPath(engine, target, answer(true));
      expect((await engine.photo({ id: id ?? 0 })).name).toBe(name);
      expect(asked).toEqual([photos, photos]);
      for (const job of await engine.jobs({})) await finished(engine, job.id);
      expect(await openPath(engine, target, answer(false))).toBe(id);
      expect(await openPath(engine, photos, answer(false))).toBeUndefined();
      expect(asked).toHaveLength(2);
      await expect(openPath(engine, path.join(photos, 'gone.jpg'), answer(true))).rejects.toThrow('ENOENT');
    });
  });
});
