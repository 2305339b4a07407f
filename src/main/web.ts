/** The loopback host: carries the page and its calls over HTTP on 127.0.0.1, for one person with a token. */
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Engine } from '../shared/contract.ts';
import { AppError, toWire, type ErrorCode } from '../shared/errors.ts';
import { invoke, isStream } from '../shared/rpc.ts';
import { callLimitBytes, parsedArguments, validated } from './lib/validate.ts';
import {
  cookieName,
  hostOf,
  newToken,
  originsByHost,
  refusal,
  sameToken,
  securityHeaders,
} from './web-guard.ts';
import { pageFile } from './web-page.ts';
import { imageAnswer } from './web-media.ts';

export interface WebOptions {
  port?: number;
  pageDir: string;
  /** At least 128 bits in base64url; a new one each launch if not given. */
  token?: string;
}

export interface WebHost {
  /** The address to open once; it holds the token. */
  url: string;
  origin: string;
  close(): Promise<void>;
}

type Env = { Bindings: HttpBindings };
type Refused = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 500 | 503 | 507;

const statusOf: Partial<Record<ErrorCode, Refused>> = {
  'bad-request': 400,
  'not-found': 404,
  busy: 409,
  exists: 409,
  'newer-library': 409,
  full: 507,
  unreadable: 422,
  'not-a-photo': 422,
  model: 503,
};

export async function serveWeb(engine: Engine, options: WebOptions): Promise<WebHost> {
  const token = options.token ?? newToken();
  if (token.length < 22) throw new AppError('bad-request', 'The token must have at least 22 characters.');
  const pageDir = await realpath(options.pageDir);
  const calls = new Set<AbortController>();

  const server = createServer({ requireHostHeader: false });
  server.on('clientError', refuseMalformed);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');

  const { port } = server.address() as AddressInfo;
  const app = routes(engine, { port, token, pageDir, calls });
  answerOwnHosts(server, port, getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  const origin = `http://127.0.0.1:${port}`;
  return {
    url: `${origin}/?token=${token}`,
    origin,
    async close() {
      for (const call of calls) call.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * The first gate stands before the framework, on the raw request: a rebound name, an absolute
 * target or a doubled header is refused before anything interprets it.
 */
function answerOwnHosts(server: Server, port: number, listener: ReturnType<typeof getRequestListener>): void {
  const origins = originsByHost(port);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    const host = hostOf(request.rawHeaders);
    if (host !== undefined && origins.has(host) && request.url?.startsWith('/')) {
      void listener(request, response);
      return;
    }
    response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
    response.end('Iris answers only at its own address.\n');
  });
}

function refuseMalformed(_error: Error, socket: Socket): void {
  const headers = Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  if (socket.writable) socket.end(`HTTP/1.1 400 Bad Request\r\n${headers.join('')}Connection: close\r\n\r\n`);
}

interface Hosting {
  port: number;
  token: string;
  pageDir: string;
  calls: Set<AbortController>;
}

function routes(engine: Engine, { port, token, pageDir, calls }: Hosting): Hono<Env> {
  const app = new Hono<Env>();
  const cookie = cookieName(port);
  const origins = originsByHost(port);

  app.use(async (context, next) => {
    const given = context.req.query('token');
    if (context.req.method === 'GET' && context.req.path === '/' && given !== undefined) {
      if (!sameToken(given, token))
        return refuse(context, 401, 'This address is of an earlier launch of Iris.');
      setCookie(context, cookie, token, { httpOnly: true, sameSite: 'Strict', path: '/' });
      return context.redirect('/', 302);
    }
    const bearer = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '')?.[1];
    if (!sameToken(bearer ?? getCookie(context, cookie), token)) {
      return refuse(context, 401, 'Open the address that Iris printed when it started.');
    }
    const origin = origins.get(context.req.header('host') ?? '') ?? '';
    const refused = refusal(claimsOf(context, bearer !== undefined), origin);
    if (refused) return refuse(context, refused.status, refused.message);
    return next();
  });

  const tooLarge = (context: Context<Env>): Response => refuse(context, 413, 'A call may have 1 MB at most.');
  app.post('/api/:method', bodyLimit({ maxSize: callLimitBytes, onError: tooLarge }), (context) =>
    call(context, engine, calls),
  );
  app.get('/thumbnail/:id{[1-9][0-9]{0,14}}', async (context) =>
    image(context, await engine.thumbnail(photoId(context)), 'This photo has no thumbnail yet.'),
  );
  app.get('/photo/:id{[1-9][0-9]{0,14}}', async (context) =>
    image(context, await engine.picture(photoId(context)), 'There is no such photo.'),
  );
  app.get('*', (context) => asset(context, pageDir));
  app.notFound((context) => refuse(context, 404, 'There is nothing here.'));
  app.onError((error, context) => {
    const wire = toWire(error);
    return context.json({ error: wire }, statusOf[wire.code] ?? 500);
  });
  return app;
}

function claimsOf(context: Context<Env>, bearer: boolean): Parameters<typeof refusal>[0] {
  return {
    method: context.req.method,
    origin: context.req.header('origin'),
    site: context.req.header('sec-fetch-site'),
    destination: context.req.header('sec-fetch-dest'),
    contentType: context.req.header('content-type'),
    bearer,
  };
}

/** One call of the contract; it is aborted when the client leaves. */
async function call(context: Context<Env>, engine: Engine, calls: Set<AbortController>): Promise<Response> {
  const controller = new AbortController();
  calls.add(controller);
  context.env.outgoing.once('close', () => {
    controller.abort();
    calls.delete(controller);
  });
  const method = context.req.param('method') ?? '';
  const args = validated(method, parsedArguments(method, await context.req.text()));
  const result = invoke(engine, method, args, controller.signal);
  if (!isStream(result)) return context.json({ value: await result });
  return context.body(ndjson(result), 200, { 'Content-Type': 'application/x-ndjson; charset=utf-8' });
}

function ndjson(stream: AsyncIterable<unknown>): ReadableStream<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const line = (reply: object): Uint8Array => encoder.encode(`${JSON.stringify(reply)}\n`);
  return new ReadableStream({
    async pull(out) {
      try {
        const next = await iterator.next();
        out.enqueue(line(next.done ? { end: true } : { chunk: next.value }));
        if (next.done) out.close();
      } catch (error) {
        out.enqueue(line({ error: toWire(error) }));
        out.close();
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

const photoId = (context: Context<Env>): number => Number(context.req.param('id'));

function image(context: Context<Env>, jpeg: Uint8Array | undefined, missing: string): Response {
  return jpeg ? imageAnswer(context.req.raw.headers, jpeg) : refuse(context, 404, missing);
}

async function asset(context: Context<Env>, pageDir: string): Promise<Response> {
  const file = await pageFile(pageDir, context.req.path === '/' ? '/index.html' : context.req.path);
  if (!file) return refuse(context, 404, 'There is nothing here.');
  return context.body(file.bytes, 200, { 'Content-Type': file.type });
}

function refuse(context: Context<Env>, status: Refused, message: string): Response {
  if (context.req.method !== 'POST') return context.text(`${message}\n`, status);
  return context.json({ error: { code: status === 404 ? 'not-found' : 'bad-request', message } }, status);
}
