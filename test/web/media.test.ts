/** Pictures over the loopback host: parts, conditions, and what no page would ask for. */
import { describe, expect, test } from 'vitest';
import { spanOf } from '../../src/main/web-media.ts';
import { cookie, expectGuarded, own, port, type Headers } from './hosted.ts';
import { sendRaw, type RawAnswer } from './raw.ts';

const ask = (target: string, headers: Headers = {}): Promise<RawAnswer> =>
  sendRaw(port, { target, headers: { ...cookie(), ...headers } });

describe.each(['/photo/1', '/thumbnail/1'])('%s', (target) => {
  test('is a private JPEG that is sent again only where it changed', async () => {
    const answer = await ask(target);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect(answer.headers.get('accept-ranges')).toBe('bytes');
    expect(answer.body.startsWith('\xff\xd8\xff')).toBe(true);
    expectGuarded(answer);
    const etag = answer.headers.get('etag') ?? '';
    for (const condition of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const again = await ask(target, { 'If-None-Match': condition, Range: 'bytes=0-1' });
      expect([again.status, again.body]).toEqual([304, '']);
      expectGuarded(again);
    }
    expect((await ask(target, { 'If-None-Match': '"other"' })).status).toBe(200);
  });

  test('comes in the part that is asked for', async () => {
    const whole = (await ask(target)).body;
    const size = whole.length;
    const parts: [string, number, number][] = [
      ['bytes=0-99', 0, 99],
      ['bytes=10-10', 10, 10],
      ['bytes=100-', 100, size - 1],
      ['bytes=-20', size - 20, size - 1],
      [`bytes=50-${size * 2}`, 50, size - 1],
      [`bytes=-${size * 2}`, 0, size - 1],
    ];
    for (const [range, start, end] of parts) {
      const answer = await ask(target, { Range: range });
      expect(answer.status).toBe(206);
      expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end}/${size}`);
      expect(answer.headers.get('content-length')).toBe(String(end - start + 1));
      expect(answer.body).toBe(whole.slice(start, end + 1));
      expectGuarded(answer);
    }
  });

  test('has nothing behind its end: 416 with its size', async () => {
    const size = (await ask(target)).body.length;
    for (const range of [`bytes=${size}-`, 'bytes=999999999999-', 'bytes=-0']) {
      const answer = await ask(target, { Range: range });
      expect([answer.status, answer.body]).toEqual([416, `This picture has ${size} bytes.\n`]);
      expect(answer.headers.get('content-range')).toBe(`bytes */${size}`);
      expectGuarded(answer);
    }
  });

  test('comes whole where the range is none, or is of an older picture', async () => {
    const { body, headers } = await ask(target);
    const odd = ['bytes=', 'bytes=-', 'bytes=5-2', 'bytes=a-b', 'bytes=0-1,5-6', 'lines=0-1', '0-1'];
    for (const range of odd) expect((await ask(target, { Range: range })).body).toBe(body);
    const old = await ask(target, { Range: 'bytes=0-1', 'If-Range': '"older"' });
    expect([old.status, old.body]).toEqual([200, body]);
    const same = await ask(target, { Range: 'bytes=0-1', 'If-Range': headers.get('etag') ?? '' });
    expect(same.status).toBe(206);
  });

  test('is for the one with the token, and for no other site', async () => {
    expect((await sendRaw(port, { target, headers: { Host: own() } })).status).toBe(401);
    const foreign = { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Dest': 'image' };
    expect((await ask(target, foreign)).status).toBe(403);
  });
});

test.each(['0', '-1', '1.5', '999', '1e3', '5', '99999999999999999999', '%2e%2e%2fsecret.js'])(
  '/photo/%s gives nothing',
  async (id) => {
    const answer = await ask(`/photo/${id}`);
    expect(answer.status).toBe(404);
    expectGuarded(answer);
  },
);

test('spanOf never leaves the picture', () => {
  for (let size = 1; size < 6; size++)
    for (let first = 0; first < 8; first++)
      for (let last = first; last < 8; last++) {
        const span = spanOf(`bytes=${first}-${last}`, size);
        expect(span).toEqual(first < size ? { start: first, end: Math.min(last, size - 1) } : 'outside');
      }
});
