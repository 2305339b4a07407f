/** Every channel from the page to the main process, a thousand times with forged senders and arguments. */
import { MessageChannel } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { createHandlers, type Handled, type Machine } from '../../src/main/electron/handlers.ts';
import { enginePort, guardedApi, requestOf } from '../../src/main/electron/ipc.ts';
import { pageUrl, type Sender } from '../../src/main/electron/policy.ts';
import { schemas, streams, type Api, type Method } from '../../src/shared/contract.ts';
import { channels, pagePort, type WebPort } from '../../src/shared/desktop.ts';
import { AppError } from '../../src/shared/errors.ts';
import { connect, serve, type Reply } from '../../src/shared/rpc.ts';
import { fakeEngine } from '../web/fake-engine.ts';
import { asMainPort } from './ports.ts';
import { randomFrom } from './random.ts';

const rounds = 1000;
const own: Sender = { contents: 3, frame: { url: pageUrl, origin: 'app://iris', isMain: true } };
const closing: (() => void)[] = [];
afterAll(() => closing.forEach((close) => close()));

interface Watched {
  machine: Machine;
  done: string[];
}

function watched(folder?: string): Watched {
  const done: string[] = [];
  return {
    done,
    machine: {
      ownContents: () => 3,
      chooseFolders: () => (done.push('choose'), Promise.resolve(['/photos'])),
      chooseModelFolder: () => (done.push('model'), Promise.resolve(folder)),
      chooseExportFolder: () => (done.push('export'), Promise.resolve(folder)),
      showInFolder: (file) => void done.push(`show ${file}`),
      drag: (file) => void done.push(`drag ${file}`),
      openExternal: (url) => (done.push(`open ${url}`), Promise.resolve()),
    },
  };
}

/** A real pair: what the page would hold, and its other end as Electron would give it. */
function pair(): { page: WebPort; main: ReturnType<typeof asMainPort> } {
  const { port1, port2 } = new MessageChannel();
  closing.push(() => port1.close());
  return { page: port2 as unknown as WebPort, main: asMainPort(port1) };
}

const names = Object.values(channels).filter((name): name is Handled => name !== channels.command);

describe.each(names)('%s', (name) => {
  it('answers no forged sender', async () => {
    const { machine, done } = watched();
    const handlers = createHandlers(fakeEngine({ photos: 12 }), machine);
    const random = randomFrom(`sender ${name}`);
    for (let round = 0; round < rounds; round++) {
      const sender = random.sender(own);
      const answer = handlers[name](sender, [random.integer(1, 12)], []);
      await expect(answer, JSON.stringify(sender)).rejects.toThrow('Only the page of Iris');
    }
    expect(done).toEqual([]);
  });

  it('takes forged arguments without harm', async () => {
    const { machine, done } = watched('/out');
    const engine = fakeEngine({ photos: 12 });
    const known = new Set((await engine.photos({ offset: 0, limit: 100 })).photos.map(({ id }) => id));
    const files = await Promise.all(
      [...known].map(async (id) => (await engine.photo({ id })).files[0]?.path),
    );
    const handlers = createHandlers(engine, machine);
    const random = randomFrom(`arguments ${name}`);
    for (let round = 0; round < rounds; round++) {
      const args = [random.value(), random.value()];
      await handlers[name](own, args, []).catch((error: unknown) => expect(error).toBeInstanceOf(AppError));
    }
    for (const entry of done) {
      const [what, subject = ''] = entry.split(/ (.*)/s);
      if (what === 'show' || what === 'drag') expect(files).toContain(subject);
      if (what === 'open')
        expect(subject).toMatch(/^https:\/\/www\.openstreetmap\.org\/\?mlat=-?[\d.]+&mlon=-?[\d.]+#map=/);
    }
  });
});

describe('The wire to the engine', () => {
  it('drops a thousand messages that are no requests, and still answers', async () => {
    const { page, main } = pair();
    serve(guardedApi(fakeEngine({ photos: 12 }), { mayExportTo: () => false }), enginePort(main));
    const random = randomFrom('messages');
    for (let round = 0; round < rounds; round++) {
      const message = random.value();
      if (!requestOf(message)) page.postMessage(message);
    }
    const api = connect<Api>(pagePort(Promise.resolve(page)), streams);
    expect((await api.status({})).photos).toBe(12);
  });

  it.each(Object.keys(schemas) as Method[])('%s takes only what its schema allows', async (method) => {
    const engine = fakeEngine({ photos: 12, wordMs: 0 });
    const reached: unknown[] = [];
    const spy = { ...engine, [method]: (args: unknown) => (reached.push(args), Promise.resolve(null)) };
    const { page, main } = pair();
    serve(guardedApi(spy, { mayExportTo: () => false }), enginePort(main));
    const random = randomFrom(method);
    const answers = new Promise<Reply[]>((resolve) => {
      const replies: Reply[] = [];
      page.addEventListener('message', ({ data }) => {
        if (replies.push(data as Reply) === rounds) resolve(replies);
      });
      page.start();
    });
    for (let id = 1; id <= rounds; id++) page.postMessage({ id, method, args: random.cloneable() });
    for (const reply of await answers) if ('error' in reply) expect(reply.error.code).toBe('bad-request');
    for (const args of reached) expect(schemas[method].safeParse(args).success).toBe(true);
  });

  it.each([
    'close',
    'thumbnail',
    'picture',
    'emit',
    'calls',
    'toString',
    'constructor',
    '__proto__',
    'then',
    '',
  ])('there is no method %j', async (method) => {
    const { page, main } = pair();
    serve(guardedApi(fakeEngine(), { mayExportTo: () => false }), enginePort(main));
    const api = connect<Record<string, (args: object) => Promise<unknown>>>(pagePort(Promise.resolve(page)), [
      method === 'then' ? 'then' : 'none',
    ]);
    if (method === 'then') expect(api[method]).toBeUndefined();
    else await expect(api[method]?.({})).rejects.toThrow(`There is no method "${method}".`);
  });

  it('writes exports only into a folder that was chosen', async () => {
    const { machine } = watched('/home/me/out');
    const handlers = createHandlers(fakeEngine({ photos: 3 }), machine);
    const { page, main } = pair();
    await handlers[channels.engine](own, [], [main]);
    const api = connect<Api>(pagePort(Promise.resolve(page)), streams);
    const into = (out: string): Promise<unknown> => api.export({ format: 'csv', out });
    await expect(into('/home/me/out')).rejects.toThrow('chosen in the dialog');
    await handlers[channels.pickExportFolder](own, [], []);
    await expect(into('/home/me/out')).resolves.toBeDefined();
    await expect(into('/home/me/out/deeper')).resolves.toBeDefined();
    for (const out of ['/home/me', '/home/me/out2', '/home/me/out/..', '/home/me/out/../x', 'out', '/'])
      await expect(into(out), out).rejects.toThrow('chosen in the dialog');
    await expect(api.export({ format: 'txt' })).resolves.toBeDefined();
  });

  it('streams, and tells the caller when the app closes the connection', async () => {
    const { port1, port2 } = new MessageChannel();
    const engine = fakeEngine({ photos: 3 });
    serve(guardedApi(engine, { mayExportTo: () => false }), enginePort(asMainPort(port1)));
    const api = connect<Api>(pagePort(Promise.resolve(port2 as unknown as WebPort)), streams);
    const types: string[] = [];
    for await (const event of api.chat({ photo: { id: 1 }, text: 'What is it?' })) types.push(event.type);
    expect(types.at(-1)).toBe('done');
    expect(types.length).toBeGreaterThan(5);
    const waiting = api.events({})[Symbol.asyncIterator]().next();
    setTimeout(() => port1.close(), 50);
    await expect(waiting).rejects.toThrow('closed the connection');
  });
});
