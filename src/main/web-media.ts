/** Pictures over HTTP: sent again only where they changed, and in parts where parts are asked for. */
import { createHash } from 'node:crypto';

type Span = { start: number; end: number } | 'whole' | 'outside';

/** The answer to a GET of a JPEG, by the conditions in the request's headers (RFC 9110, 13 and 14). */
export function imageAnswer(asked: Headers, jpeg: Uint8Array): Response {
  const etag = `"${createHash('sha256').update(jpeg).digest('base64url').slice(0, 32)}"`;
  // Asked again each time (a photo may be edited), but sent again only where it changed.
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache', 'Accept-Ranges': 'bytes' };
  if (names(asked.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
  // A part of a picture that has changed since would not fit to the parts before it.
  const stale = asked.has('if-range') && asked.get('if-range') !== etag;
  const span = stale ? 'whole' : spanOf(asked.get('range'), jpeg.length);
  if (span === 'outside')
    return new Response(`This picture has ${jpeg.length} bytes.\n`, {
      status: 416,
      headers: { ...headers, 'Content-Range': `bytes */${jpeg.length}` },
    });
  const typed = { ...headers, 'Content-Type': 'image/jpeg' };
  if (span === 'whole') return new Response(new Uint8Array(jpeg), { status: 200, headers: typed });
  const range = `bytes ${span.start}-${span.end}/${jpeg.length}`;
  const part = new Uint8Array(jpeg.subarray(span.start, span.end + 1));
  return new Response(part, { status: 206, headers: { ...typed, 'Content-Range': range } });
}

function names(condition: string | null, etag: string): boolean {
  return (condition ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

/** One range of bytes, both ends included. Several at once, and what cannot be read, are answered with the whole. */
export function spanOf(range: string | null, size: number): Span {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'whole';
  return start < size ? { start, end } : 'outside';
}
