/** The contract's client over HTTP: a call is a POST, a stream is its answer line by line. */
import type { Api, StreamMethod } from './contract.ts';
import { AppError, fromWire, type WireError } from './errors.ts';

type Reply = { value?: unknown } | { chunk: unknown } | { end: true } | { error: WireError };

/** Complete by type. Named here, since importing the contract's values would bring its validator along. */
const streaming: Record<StreamMethod, true> = { chat: true, events: true };
export const streamNames: readonly string[] = Object.keys(streaming);

/** `origin` is '' for the page, which is let in by its cookie; others give the token. */
export function httpClient(origin: string, token?: string): Api {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;

  async function post(method: string, args: unknown, signal?: AbortSignal): Promise<Response> {
    const request = { method: 'POST', headers, body: JSON.stringify(args), signal: signal ?? null };
    const response = await fetch(`${origin}/api/${method}`, request).catch(rethrow);
    if (response.ok) return response;
    const reply = (await response.json().catch(() => ({}))) as { error?: WireError };
    throw fromWire(reply.error ?? { code: 'internal', message: `Iris answered ${response.status}.` });
  }

  async function call(method: string, args: unknown, signal?: AbortSignal): Promise<unknown> {
    const response = await post(method, args, signal);
    const reply = (await response.json().catch(rethrow)) as { value?: unknown };
    return reply.value;
  }

  async function* stream(method: string, args: unknown, outer?: AbortSignal): AsyncGenerator {
    const left = new AbortController();
    const response = await post(method, args, outer ? AbortSignal.any([outer, left.signal]) : left.signal);
    try {
      for await (const line of lines(response)) {
        const reply = JSON.parse(line) as Reply;
        if ('error' in reply) throw fromWire(reply.error);
        if ('end' in reply) return;
        if ('chunk' in reply) yield reply.chunk;
      }
      throw new AppError('crashed', 'Iris stopped in the middle of its answer.');
    } finally {
      left.abort();
    }
  }

  return new Proxy({} as Api, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined;
      return (args: unknown, signal?: AbortSignal) =>
        (Object.hasOwn(streaming, method) ? stream : call)(method, args, signal);
    },
  });
}

async function* lines(response: Response): AsyncGenerator<string> {
  const body: ReadableStream<Uint8Array> | null = response.body;
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  while (reader) {
    const { done, value } = await reader.read().catch(rethrow);
    if (done) return;
    const parts = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
  }
}

/** What fetch throws, in our words: left by the caller, or no one there. */
function rethrow(error: unknown): never {
  if (error instanceof Error && error.name === 'AbortError') throw new AppError('aborted', 'Cancelled.');
  throw new AppError('crashed', 'Iris does not answer.', { cause: error });
}
