/**
 * Both ends of the wire: a proxy that turns calls into messages, and a server that turns messages
 * into calls. The transport (process messages, a MessagePort, an HTTP body) only carries them.
 */
import { AppError, fromWire, throwIfAborted, toWire, type WireError } from './errors.ts';

export type Request = { id: number; method: string; args: unknown } | { id: number; cancel: true };

export type Reply =
  | { id: number; value: unknown }
  | { id: number; chunk: unknown }
  | { id: number; end: true }
  | { id: number; error: WireError };

export interface Port<In, Out> {
  send(message: Out): void;
  onMessage(listener: (message: In) => void): void;
  /** Called once, when the other side is gone. */
  onClose(listener: (reason: string) => void): void;
}

const neverAborted = new AbortController().signal;

interface Pending {
  reply(message: Reply): void;
  fail(error: AppError): void;
}

/** Answers requests that arrive at `port` by calling `target`'s own methods, and only those. */
export function serve(target: object, port: Port<Request, Reply>): void {
  const running = new Map<number, AbortController>();
  port.onClose(() => {
    for (const controller of running.values()) controller.abort();
  });
  port.onMessage((request) => {
    if ('cancel' in request) running.get(request.id)?.abort();
    else void answer(request);
  });

  async function answer(request: { id: number; method: string; args: unknown }): Promise<void> {
    const controller = new AbortController();
    running.set(request.id, controller);
    try {
      const result = invoke(target, request.method, request.args, controller.signal);
      if (isStream(result)) await pump(request.id, result, controller.signal);
      else port.send({ id: request.id, value: await result });
    } catch (error) {
      port.send({ id: request.id, error: toWire(error) });
    } finally {
      running.delete(request.id);
    }
  }

  async function pump(id: number, stream: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
    for await (const chunk of stream) {
      if (signal.aborted) break;
      port.send({ id, chunk });
    }
    port.send({ id, end: true });
  }
}

/** Calls `target[method](args, signal)` if it is the target's own function; never an inherited one. */
export function invoke(target: object, method: string, args: unknown, signal: AbortSignal): unknown {
  const handler: unknown = Object.hasOwn(target, method) ? Reflect.get(target, method) : undefined;
  if (typeof handler !== 'function') throw new AppError('bad-request', `There is no method "${method}".`);
  return (handler as (args: unknown, signal: AbortSignal) => unknown)(args, signal);
}

export function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A client whose methods are messages; `streams` names those that answer with an async iterable. */
export function connect<T extends object>(port: Port<Reply, Request>, streams: readonly string[]): T {
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let closed: string | undefined;
  port.onMessage((message) => pending.get(message.id)?.reply(message));
  port.onClose((reason) => {
    closed = reason;
    for (const entry of [...pending.values()]) entry.fail(new AppError('crashed', reason));
    pending.clear();
  });

  /** Sends a request whose replies come to `entry`; gives what forgets it again. */
  function open(method: string, args: unknown, entry: Pending, signal: AbortSignal): () => void {
    if (closed !== undefined) throw new AppError('crashed', closed);
    throwIfAborted(signal);
    const id = nextId++;
    // The caller is free at once, whatever the other side is in the middle of.
    const cancel = (): void => {
      if (closed === undefined) port.send({ id, cancel: true });
      entry.fail(new AppError('aborted', 'Cancelled.'));
    };
    pending.set(id, entry);
    port.send({ id, method, args });
    signal.addEventListener('abort', cancel, { once: true });
    return () => {
      pending.delete(id);
      signal.removeEventListener('abort', cancel);
    };
  }

  function call(method: string, args: unknown, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const close = open(
        method,
        args,
        {
          reply(message) {
            close();
            if ('error' in message) reject(fromWire(message.error));
            else resolve('value' in message ? message.value : undefined);
          },
          fail(error) {
            close();
            reject(error);
          },
        },
        signal,
      );
    });
  }

  async function* stream(method: string, args: unknown, outer?: AbortSignal): AsyncGenerator {
    const left = new AbortController();
    const signal = outer ? AbortSignal.any([outer, left.signal]) : left.signal;
    const queue: (Reply | AppError)[] = [];
    const state = { ended: false };
    let wake = (): void => undefined;
    const put = (message: Reply | AppError, last: boolean): void => {
      queue.push(message);
      state.ended = last;
      wake();
    };
    const close = open(
      method,
      args,
      {
        reply(message) {
          put(message, !('chunk' in message));
        },
        fail(error) {
          put(error, true);
        },
      },
      signal,
    );
    try {
      for (;;) {
        const message = queue.shift();
        if (message === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (message instanceof AppError) throw message;
        else if ('error' in message) throw fromWire(message.error);
        else if ('chunk' in message) yield message.chunk;
        else return;
      }
    } finally {
      if (!state.ended) left.abort();
      close();
    }
  }

  return new Proxy({} as T, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined;
      return streams.includes(method)
        ? (args: unknown, signal?: AbortSignal) => stream(method, args, signal)
        : (args: unknown, signal?: AbortSignal) => call(method, args, signal ?? neverAborted);
    },
  });
}
