/**
 * A model hub on this machine that speaks the public one's protocol, with the faults that a test orders.
 *
 * Two servers, since large files come from another host: `/api/models/ID/revision/REV` and `/tree/REV` (in pages),
 * `/ID/resolve/REV/FILE` answers small files itself and sends on for large ones.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const commit = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
/** Larger files are kept by their SHA-256 at the other host. */
const largeBytes = 1000;
const pageFiles = 2;

/** What befalls one answer with a file's bytes. */
export interface Fault {
  /** In place of an answer. */
  status?: number;
  retryAfter?: string;
  /** The connection ends after so many bytes of the answer. */
  cut?: number;
  /** The answer ends after so many bytes as if it were whole. */
  short?: number;
  /** Nothing more comes after so many bytes. */
  stall?: number;
  flip?: true;
  /** More comes than there is. */
  long?: true;
  ignoreRange?: true;
  /** Answers with the wrong part. */
  wrongRange?: true;
  /** What the hub says of the file where it sends us on. */
  linked?: Record<string, string>;
  /** Sends on to there. */
  to?: string;
}

export interface MockHub {
  address: string;
  /** `hub GET /path` or `files GET /path`, and the headers. */
  asked: { line: string; range: string | undefined; authorization: string | undefined }[];
  /** Faults of a file's next answers, in order; `list` is for the lists. */
  faults: Map<string, Fault[]>;
  /** Changes what the list says. */
  edit: (entry: Record<string, unknown>) => Record<string, unknown>;
  /** Where the list goes on, in place of here. */
  next?: string;
  close: () => Promise<void>;
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
export const gitSha1 = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export async function mockHub(repository: string, files: ReadonlyMap<string, Buffer>): Promise<MockHub> {
  const hub: MockHub = {
    address: '',
    asked: [],
    faults: new Map(),
    edit: (entry) => entry,
    close: async () => {
      await Promise.all([end(own), end(other)]);
    },
  };
  const note = (host: string, { method, url, headers }: IncomingMessage): void => {
    hub.asked.push({
      line: `${host} ${method ?? ''} ${decodeURIComponent(url ?? '')}`,
      range: headers.range,
      authorization: headers.authorization,
    });
  };
  const other = createServer((request, response) => {
    note('files', request);
    const [name, bytes] = [...files].find((file) => request.url === `/${sha256(file[1])}`) ?? [];
    if (bytes) give(request, response, bytes, hub.faults.get(name ?? '')?.shift() ?? {});
    else response.writeHead(404).end();
  });
  const filesAddress = await listen(other);

  const own = createServer((request, response) => {
    note('hub', request);
    const url = new URL(request.url ?? '', hub.address);
    const path = decodeURIComponent(url.pathname);
    const name = path.replace(`/${repository}/resolve/${commit}/`, '');
    const bytes = files.get(name);
    if (path.startsWith(`/api/models/${repository}/revision/`)) answerList(response, { sha: commit });
    else if (path === `/api/models/${repository}/tree/${commit}`) listPage(url, response);
    else if (bytes) resolve(request, response, name, bytes);
    else refuse(response, 404, 'Entry not found', 'EntryNotFound');
  });
  hub.address = await listen(own);

  function answerList(response: ServerResponse, value: unknown): void {
    const fault = hub.faults.get('list')?.shift();
    if (fault?.status !== undefined) refuse(response, fault.status, 'No', '', fault.retryAfter);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  }

  function listPage(url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const folders = new Set([...files.keys()].flatMap((name) => name.split('/').slice(0, -1)));
    const all = [...[...folders].map(folderEntry), ...[...files].map(fileEntry)];
    url.searchParams.set('cursor', String(from + pageFiles));
    if (from + pageFiles < all.length) response.setHeader('link', `<${hub.next ?? url.href}>; rel="next"`);
    answerList(response, all.slice(from, from + pageFiles).map(hub.edit));
  }

  function resolve(request: IncomingMessage, response: ServerResponse, name: string, bytes: Buffer): void {
    const [fault] = hub.faults.get(name) ?? [];
    response.setHeader('x-repo-commit', commit);
    if (bytes.length > largeBytes) {
      sendOn(response, bytes, fault);
      return;
    }
    hub.faults.get(name)?.shift();
    response.setHeader('etag', `"${gitSha1(bytes)}"`);
    give(request, response, bytes, fault ?? {});
  }

  function sendOn(response: ServerResponse, bytes: Buffer, fault: Fault | undefined): void {
    response.setHeader('x-linked-size', bytes.length).setHeader('x-linked-etag', `"${sha256(bytes)}"`);
    for (const [header, value] of Object.entries(fault?.linked ?? {})) response.setHeader(header, value);
    response.writeHead(302, { location: fault?.to ?? `${filesAddress}/${sha256(bytes)}` }).end();
  }
  return hub;
}

const folderEntry = (path: string): Record<string, unknown> => ({
  ...{ type: 'directory', oid: gitSha1(Buffer.from(path)), size: 0, path },
});

function fileEntry([path, bytes]: [string, Buffer]): Record<string, unknown> {
  const size = bytes.length;
  if (size <= largeBytes) return { type: 'file', oid: gitSha1(bytes), size, path };
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${size}\n`,
  );
  const lfs = { oid: sha256(bytes), size, pointerSize: pointer.length };
  return { type: 'file', oid: gitSha1(pointer), size, path, lfs };
}

function refuse(response: ServerResponse, status: number, error: string, code: string, after?: string): void {
  if (after !== undefined) response.setHeader('retry-after', after);
  response.writeHead(status, { 'content-type': 'application/json', 'x-error-code': code });
  response.end(JSON.stringify({ error }));
}

/** A file's bytes, or the part that is asked for, as the fault has it. */
function give(request: IncomingMessage, response: ServerResponse, bytes: Buffer, fault: Fault): void {
  if (fault.status !== undefined) {
    refuse(response, fault.status, 'No', '', fault.retryAfter);
    return;
  }
  const asked = fault.ignoreRange ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const from = Number(asked ?? 0);
  let body = Buffer.from(bytes.subarray(fault.wrongRange ? from - 1 : from));
  if (fault.flip) body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
  if (fault.long) body = Buffer.concat([body, Buffer.from('more')]);
  const range = `bytes ${fault.wrongRange ? from - 1 : from}-${bytes.length - 1}/${bytes.length}`;
  if (asked !== undefined) response.setHeader('content-range', range);
  if (fault.short === undefined && !fault.long) response.setHeader('content-length', body.length);
  response.writeHead(asked === undefined ? 200 : 206);
  const until = fault.cut ?? fault.short ?? fault.stall;
  const ending = (): void => {
    if (fault.cut !== undefined) response.destroy();
    if (fault.short !== undefined) response.end();
  };
  response.flushHeaders();
  if (until === undefined) response.end(body);
  else if (until === 0) ending();
  else response.write(body.subarray(0, until), ending);
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function end(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
