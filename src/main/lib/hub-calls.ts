/**
 * Requests to a model hub: where they may go, what is tried again, and what a refusal means.
 *
 * Redirects are followed here, since a key is for the hub's own address alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';

/** The library's own default; it is named here because reading the library takes a tenth of a second. */
export const publicHub = 'https://huggingface.co';

export interface Hub {
  /** Without a slash at its end. */
  address: string;
  /** For repositories that ask who comes. */
  key?: string;
  /** How often in a row a thing is tried without getting on. */
  tries: number;
  /** Without a byte for so long, a connection counts as cut. */
  stallMs: number;
  wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What is asked for, in words for an error. */
export interface Question {
  what: string;
  headers?: Record<string, string>;
  signal: AbortSignal;
}

/** The last answer, and what the hub itself said of the file before it sent us to where it is kept. */
export interface Answer {
  response: Response;
  linked: Headers;
}

const longestWaitMs = 5 * 60_000;
const redirects = new Set([301, 302, 303, 307, 308]);

/** Throws AppError('bad-request') for what is no https address, or http on this machine. */
export function openHub(address: string = publicHub, key?: string): Hub {
  const url = URL.parse(address);
  const fit = url && url.username === '' && url.search === '' && url.hash === '';
  if (!fit || !isSafe(url))
    throw new AppError(
      'bad-request',
      `"${address}" is no hub's address. Expected one with https://, or http:// on this computer, such as ${publicHub}.`,
    );
  const wait: Hub['wait'] = async (ms, signal) => await sleep(ms, undefined, { signal });
  return {
    address: url.href.replace(/\/+$/, ''),
    ...(key !== undefined && { key }),
    tries: 5,
    stallMs: 60_000,
    wait,
  };
}

/** Only names and numbers that never leave the machine, whatever a name server says. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Nobody on the way can read or change what comes. */
function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** An answer that has what was asked for. What may pass is asked for again, after the time that the hub names. */
export async function ask(hub: Hub, url: URL, question: Question): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await follow(hub, url, question);
      if (answer.response.ok) return answer;
      await answer.response.body?.cancel();
      throw refusal(hub, question.what, answer.response);
    } catch (error) {
      throwIfAborted(question.signal);
      if (error instanceof AppError) throw error;
      const later = error instanceof Later ? error.ms : undefined;
      if (attempt >= hub.tries || (later ?? 0) > longestWaitMs) throw unreachable(hub, question.what, error);
      await hub.wait(later ?? 500 * 2 ** attempt, question.signal);
    }
  }
}

/** A refusal that may pass. */
class Later extends Error {
  /** Undefined where the hub names no time. */
  readonly ms: number | undefined;

  constructor({ status, headers }: Response) {
    const after = headers.get('retry-after');
    const seconds = after === null ? NaN : Number(after);
    const ms = Number.isNaN(seconds) ? Date.parse(after ?? '') - Date.now() : seconds * 1000;
    super(`it answers ${status}${after === null ? '' : ` (wait: ${after})`}`);
    this.ms = Number.isNaN(ms) ? undefined : Math.max(0, ms);
  }
}

function refusal(hub: Hub, what: string, response: Response): Error {
  const { status } = response;
  if (status === 429 || status === 408 || status >= 500) return new Later(response);
  if (status === 404)
    return new AppError(
      'not-found',
      `${hub.address} does not have ${what} (404). Look there whether it was moved; nothing was added.`,
    );
  if (status === 401 || status === 403)
    return new AppError(
      'bad-request',
      `${hub.address} asks for a key for ${what} (${status}). Agree to the model's terms there, and give your key (--key).`,
    );
  return new AppError('unreadable', `${hub.address} answers ${status} for ${what}. Nothing was added.`);
}

/** The reason that `fetch` hides in a cause: a name that is not found, a port where nobody listens. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return reasonOf(cause) || reasonOf(error);
}

function unreachable(hub: Hub, what: string, error: unknown): AppError {
  return new AppError(
    'unreadable',
    `${hub.address} did not give ${what}: ${causeOf(error)}. Check the connection, or wait, and download again: what is here is kept.`,
    { cause: error },
  );
}

/** One request and where it leads. */
async function follow(hub: Hub, from: URL, { headers, signal }: Question): Promise<Answer> {
  const own = new URL(hub.address).origin;
  const linked = new Headers();
  for (let url = from, hops = 0; ; hops += 1) {
    const key = url.origin === own && hub.key !== undefined && { authorization: `Bearer ${hub.key}` };
    const response = await fetch(url, { headers: { ...headers, ...key }, redirect: 'manual', signal });
    if (url.origin === own)
      for (const [name, value] of response.headers) if (name.startsWith('x-')) linked.set(name, value);
    const next = redirects.has(response.status)
      ? URL.parse(response.headers.get('location') ?? '', url.href)
      : null;
    if (!redirects.has(response.status)) return { response, linked };
    await response.body?.cancel();
    const local = next?.protocol === 'http:' && !own.startsWith('http:'); // nobody far away asks this machine's own servers
    if (!next || local || !isSafe(next) || hops >= 5)
      throw new AppError(
        'unreadable',
        `${url.host} sends on to ${next?.href ?? 'nowhere'}, which Iris does not follow.`,
      );
    url = next;
  }
}
