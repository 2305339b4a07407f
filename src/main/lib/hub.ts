/**
 * A model hub: what a repository holds, and its files' bytes from where an earlier run stopped.
 *
 * `@huggingface/hub` lists; it neither resumes a file nor compares its hash, and would send a key wherever a list goes
 * on. So its requests, like ours, go through `ask`.
 */
import { z } from 'zod';
import { AppError, reasonOf, throwIfAborted } from '../../shared/errors.ts';
import { ask, type Hub, type Question } from './hub-calls.ts';

export interface HubFile {
  path: string;
  bytes: number;
  /** Of large files, which the hub keeps by it. */
  sha256?: string;
  /** Git's own hash of the others: SHA-1 of `blob BYTES\0` and the content. */
  gitSha1?: string;
}

const commit = z.string().regex(/^[0-9a-f]{40}$/, 'expected a commit');
const entry = z.object({
  type: z.string(),
  path: z.string(),
  size: z.int().min(0),
  oid: commit.optional(),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).optional(),
});

/** All files of a repository at one commit: that of `revision`, or of its main branch. */
export async function listRepository(
  hub: Hub,
  repository: string,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<{ commit: string; files: HubFile[] }> {
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const what = `the list of ${repository}`;
  const asking = { hubUrl: hub.address, fetch: fetchFrom(hub, { what, signal }) };
  try {
    const { sha } = await modelInfo({
      name: repository,
      additionalFields: ['sha'],
      ...(revision !== undefined && { revision }),
      ...asking,
    });
    const at = commit.parse(sha);
    const files: HubFile[] = [];
    for await (const each of listFiles({ repo: repository, revision: at, recursive: true, ...asking })) {
      const listed = entry.parse(each);
      if (listed.type === 'file') files.push(fileOf(listed));
    }
    return { commit: at, files };
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof AppError) throw error;
    throw new AppError(
      'unreadable',
      `${hub.address} answers for ${what} as no hub does: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

function fileOf({ path, size, oid, lfs }: z.infer<typeof entry>): HubFile {
  if (lfs) return { path, bytes: lfs.size, sha256: lfs.oid };
  return { path, bytes: size, ...(oid !== undefined && { gitSha1: oid }) };
}

/** For the library: its lists come from the hub's own address or not at all. */
function fetchFrom(hub: Hub, question: Question): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== new URL(hub.address).origin)
      throw new AppError('unreadable', `${hub.address} sends to ${url.origin} for ${question.what}.`);
    const headers = Object.fromEntries(new Headers(init?.headers));
    return (await ask(hub, url, { ...question, headers })).response;
  };
}

/** One file of a repository at one commit. */
export interface Wanted {
  repository: string;
  commit: string;
  file: HubFile;
}

/**
 * A file's bytes from `from` on, or from 0 where the hub gives no parts. They may end early. Throws AppError where the
 * hub says that the file is not the one of its list.
 */
export async function readFrom(
  hub: Hub,
  wanted: Wanted,
  from: number,
  signal: AbortSignal,
): Promise<{ from: number; chunks: AsyncIterable<Uint8Array> }> {
  const { repository, commit: at, file } = wanted;
  const name = file.path.split('/').map(encodeURIComponent).join('/');
  const url = new URL(`${hub.address}/${repository}/resolve/${at}/${name}`);
  const cut = new AbortController();
  const headers = { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) };
  const both = AbortSignal.any([signal, cut.signal]);
  const { response, linked } = await ask(hub, url, {
    what: `${file.path} of ${repository}`,
    headers,
    signal: both,
  });
  const differs = difference(linked, wanted) ?? rangeFault(response, from, file);
  const { body } = response;
  if (differs === undefined && body)
    return { from: response.status === 206 ? from : 0, chunks: unstalled(body, hub.stallMs, cut) };
  await body?.cancel();
  throw new AppError(
    'model',
    `${file.path} of ${repository}: ${differs ?? 'no content'} at ${hub.address}. Nothing of it is used. Try again later, or another hub.`,
  );
}

/** What the hub says at the file itself against its list. */
function difference(linked: Headers, { commit: at, file }: Wanted): string | undefined {
  const hash = linked.get('x-linked-etag')?.replace(/^W\/|"/g, '');
  const expected = file.sha256;
  if (expected !== undefined && hash !== undefined && /^[0-9a-f]{64}$/.test(hash) && hash !== expected)
    return `the list says SHA-256 ${expected}, the file ${hash},`;
  const size = linked.get('x-linked-size');
  if (size !== null && Number(size) !== file.bytes)
    return `the list says ${file.bytes} bytes, the file ${size},`;
  const here = linked.get('x-repo-commit');
  return here !== null && here !== at ? `the list is of commit ${at}, the file of ${here},` : undefined;
}

function rangeFault({ status, headers }: Response, from: number, file: HubFile): string | undefined {
  if (status !== 206) return undefined;
  const range = headers.get('content-range') ?? 'no range';
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
  if (Number(start) === from && Number(total) === file.bytes) return undefined;
  return `bytes from ${from} of ${file.bytes} were asked for, and "${range}" came`;
}

/** Ends the connection when nothing has come for `stallMs`; the reader's own time does not count. */
async function* unstalled(
  body: ReadableStream<Uint8Array>,
  stallMs: number,
  cut: AbortController,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const timer = setTimeout(
        () => cut.abort(new Error(`nothing came for ${Math.round(stallMs / 1000)} s`)),
        stallMs,
      );
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
