import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/shared/errors.ts';
import { connect, serve, type Port, type Reply, type Request } from '../../src/shared/rpc.ts';

interface Both {
  client: Port<Reply, Request>;
  server: Port<Request, Reply>;
  /** As when the process at the other end dies. */
  die(reason: string): void;
}

/** Two ends in one process; every message is cloned and arrives later. */
function wire(): Both {
  const ends = { client: [] as ((message: Reply) => void)[], server: [] as ((message: Request) => void)[] };
  const closers: ((reason: string) => void)[] = [];
  const later = <T>(listeners: ((message: T) => void)[], message: T): void => {
    const copy = structuredClone(message);
    queueMicrotask(() => listeners.forEach((listener) => listener(copy)));
  };
  return {
    client: {
      send: (message) => later(ends.server, message),
      onMessage: (listener) => void ends.client.push(listener),
      onClose: (listener) => void closers.push(listener),
    },
    server: {
      send: (message) => later(ends.client, message),
      onMessage: (listener) => void ends.server.push(listener),
      onClose: (listener) => void closers.push(listener),
    },
    die: (reason) => closers.forEach((close) => close(reason)),
  };
}

interface Target {
  double(args: { n: number }): Promise<number>;
  fail(args: object): Promise<void>;
  hang(args: object, signal?: AbortSignal): Promise<void>;
  count(args: { to: number }, signal?: AbortSignal): AsyncIterable<number>;
  /** Like a model that reads a long prompt: it neither answers nor hears that it is to stop. */
  deaf(args: object, signal?: AbortSignal): AsyncIterable<number>;
}

function pair(): { api: Target; both: Both; stopped: () => string[] } {
  const stopped: string[] = [];
  const target: Target = {
    double: ({ n }) => Promise.resolve(2 * n),
    fail: () => Promise.reject(new AppError('busy', 'in use')),
    hang: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          stopped.push('hang');
          reject(new AppError('aborted', 'Cancelled.'));
        });
      }),
    async *deaf() {
      yield 1;
      await new Promise(() => undefined);
    },
    async *count({ to }, signal) {
      try {
        for (let i = 1; i <= to && !signal?.aborted; i++) {
          yield i;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        if (to < 0) throw new AppError('not-found', 'no such number');
      } finally {
        stopped.push('count');
      }
    },
  };
  const both = wire();
  serve(target, both.server);
  return { api: connect<Target>(both.client, ['count', 'deaf']), both, stopped: () => stopped };
}

async function collect(stream: AsyncIterable<number>): Promise<number[]> {
  const values: number[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

describe('rpc', () => {
  it('carries calls, many at once, each to its own answer', async () => {
    const { api } = pair();
    expect(await Promise.all([1, 2, 3].map((n) => api.double({ n })))).toEqual([2, 4, 6]);
  });

  it('carries errors with their code, and bugs as internal', async () => {
    const { api } = pair();
    await expect(api.fail({})).rejects.toMatchObject({ code: 'busy', message: 'in use' });
    await expect(api.double(null as never)).rejects.toMatchObject({ code: 'internal' });
  });

  it.each(['nothing', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'has no method %s',
    async (name) => {
      const api = pair().api as unknown as Record<string, (args: object) => Promise<void>>;
      await expect(api[name]?.({})).rejects.toMatchObject({ code: 'bad-request' });
    },
  );

  it('frees the caller of a cancelled call at once, and tells the other side', async () => {
    const { api, stopped } = pair();
    const controller = new AbortController();
    const call = api.hang({}, controller.signal);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(stopped()).toEqual(['hang']);
  });

  it('frees the reader of a cancelled stream at once, also where the other side does not hear it', async () => {
    const { api } = pair();
    const controller = new AbortController();
    const read: number[] = [];
    const reading = (async () => {
      for await (const value of api.deaf({}, controller.signal)) {
        read.push(value);
        setTimeout(() => controller.abort());
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });
    expect(read).toEqual([1]);
    expect(await api.double({ n: 2 })).toBe(4);
  });

  it('refuses a call or stream that is cancelled before it begins', async () => {
    const { api } = pair();
    await expect(api.hang({}, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    await expect(collect(api.count({ to: 3 }, AbortSignal.abort()))).rejects.toMatchObject({
      code: 'aborted',
    });
  });

  it('streams in order, and gives an error after what came before it', async () => {
    const { api } = pair();
    expect(await collect(api.count({ to: 4 }))).toEqual([1, 2, 3, 4]);
    await expect(collect(api.count({ to: -1 }))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('ends the work when the reader leaves the stream', async () => {
    const { api, stopped } = pair();
    for await (const value of api.count({ to: 1000 })) if (value === 3) break;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(stopped()).toEqual(['count']);
  });

  it('fails everything under way, and every later call, when the other side dies', async () => {
    const { api, both } = pair();
    const call = api.hang({});
    const stream = collect(api.count({ to: 1000 }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    both.die('out of memory');
    const gone = { code: 'crashed', message: 'out of memory' };
    await expect(call).rejects.toMatchObject(gone);
    await expect(stream).rejects.toMatchObject(gone);
    await expect(api.double({ n: 1 })).rejects.toMatchObject(gone);
  });
});
