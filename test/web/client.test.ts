/** The contract through HTTP and back: values, errors, streams, and leaving a stream early. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveWeb, type WebHost } from '../../src/main/web.ts';
import type { Api, ChatEvent, LibraryEvent } from '../../src/shared/contract.ts';
import { AppError } from '../../src/shared/errors.ts';
import { httpClient } from '../../src/shared/http.ts';
import { fakeEngine } from './fake-engine.ts';
import { finishedJob } from './fake-world.ts';

const engine = fakeEngine({ photos: 20, wordMs: 15 });
let pageDir: string;
let host: WebHost;
let api: Api;

beforeAll(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'iris-client-'));
  host = await serveWeb(engine, { pageDir });
  api = httpClient(host.origin, new URL(host.url).searchParams.get('token') ?? '');
});

afterAll(async () => {
  await host.close();
  await rm(pageDir, { recursive: true });
});

async function until(happened: () => boolean): Promise<void> {
  const end = Date.now() + 3000;
  while (!happened() && Date.now() < end) await sleep(10);
  expect(happened()).toBe(true);
}

test('a value arrives as it left', async () => {
  expect(await api.photo({ id: 3 })).toEqual(await engine.photo({ id: 3 }));
  expect(await api.status({})).toEqual(await engine.status({}));
  await api.clearChat({ id: 3 });
  expect((await api.photo({ id: 3 })).chat).toEqual([]);
});

test('an error arrives with its code and words', async () => {
  const error: unknown = await api.addFolder({ path: 'Photos' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ code: 'bad-request', message: '"Photos" is not an absolute path.' });
});

test('a stream comes piece by piece, not at its end', async () => {
  const events: ChatEvent[] = [];
  const times: number[] = [];
  for await (const event of api.chat({ photo: { id: 1 }, text: 'What is it?' })) {
    events.push(event);
    times.push(performance.now());
  }
  expect(events.at(-1)).toMatchObject({ type: 'done', droppedTurns: 0 });
  expect(events.length).toBeGreaterThan(10);
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(150);
});

test('an error inside a stream arrives as one', async () => {
  const stream = api.chat({ photo: { id: 1 }, text: 'fail' });
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'model' });
});

test('leaving a chat early stops it in the engine and keeps what was said', async () => {
  const before = engine.aborted.length;
  for await (const event of api.chat({ photo: { id: 2 }, text: 'And here?' })) {
    if (event.type === 'delta') break;
  }
  await until(() => engine.aborted.length > before);
  const { chat } = await api.photo({ id: 2 });
  expect(chat.at(-1)).toMatchObject({ role: 'assistant' });
  expect(chat.at(-1)?.text.length).toBeLessThan(60);
});

test('an aborted signal ends a chat as "aborted"', async () => {
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const event of api.chat({ photo: { id: 4 }, text: 'Well?' }, controller.signal)) {
      if (event.type === 'delta') controller.abort();
    }
  };
  await expect(read()).rejects.toMatchObject({ code: 'aborted' });
});

test('a quiet event stream is open at once and ends with its reader', async () => {
  const controller = new AbortController();
  const events = api.events({}, controller.signal)[Symbol.asyncIterator]();
  const first: Promise<IteratorResult<LibraryEvent>> = events.next();
  await sleep(100);
  engine.emit({ type: 'job', job: finishedJob(false) });
  expect((await first).value).toEqual({ type: 'job', job: finishedJob(false) });
  const ended = engine.aborted.filter((call) => call === 'events').length;
  controller.abort();
  await until(() => engine.aborted.filter((call) => call === 'events').length > ended);
});

test('two streams and a call go on beside each other', async () => {
  const count = async (id: number): Promise<number> => {
    let deltas = 0;
    for await (const event of api.chat({ photo: { id }, text: 'Hm?' }))
      deltas += event.type === 'delta' ? 1 : 0;
    return deltas;
  };
  const [a, b, photo] = await Promise.all([count(6), count(7), api.photo({ id: 8 })]);
  expect(a).toBe(b);
  expect(photo.id).toBe(8);
});

test('without a token nothing is answered, and without a host the words say so', async () => {
  await expect(httpClient(host.origin).status({})).rejects.toThrow('Open the address');
  await expect(httpClient('http://127.0.0.1:9', 'x').status({})).rejects.toMatchObject({ code: 'crashed' });
});

test('closing the host ends open streams', async () => {
  const second = await serveWeb(engine, { pageDir });
  const other = httpClient(second.origin, new URL(second.url).searchParams.get('token') ?? '');
  const read = (async () => {
    for await (const event of other.events({})) expect(event).toBeUndefined();
  })();
  await sleep(100);
  const ended = engine.aborted.filter((call) => call === 'events').length;
  await Promise.all([second.close(), expect(read).rejects.toMatchObject({ code: 'crashed' })]);
  await until(() => engine.aborted.filter((call) => call === 'events').length > ended);
});
