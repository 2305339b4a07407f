/** Paths as raw bytes: on Linux a file name need not be UTF-8, and its bytes are its identity. */
import { isUtf8 } from 'node:buffer';
import path from 'node:path';

const separator = Buffer.from(path.sep);

/** `root` and the `/`-separated relative bytes `rel` as one absolute path. */
export function joinBytes(root: Uint8Array, rel: Uint8Array): Buffer {
  if (rel.length === 0) return Buffer.from(root);
  const ends = root.at(-1) === separator[0];
  return Buffer.concat(ends ? [root, rel] : [root, separator, rel]);
}

/** A path for people and JSON, with its raw bytes beside it where the text would lose some. */
export function pathFields(bytes: Uint8Array): { path: string; pathBytes?: string } {
  const text = Buffer.from(bytes).toString('utf8');
  return isUtf8(bytes) ? { path: text } : { path: text, pathBytes: Buffer.from(bytes).toString('base64') };
}

export function display(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

/** Folder and name of a relative path, composed (NFC) for showing and searching, never for opening. */
export function splitRelative(rel: Uint8Array): { folder: string; name: string } {
  const text = display(rel).normalize('NFC');
  const cut = text.lastIndexOf('/');
  return { folder: text.slice(0, Math.max(cut, 0)), name: text.slice(cut + 1) };
}

/** The part of `inner` below `outer`, '' when equal, undefined when it lies elsewhere. */
export function below(outer: string, inner: string): string | undefined {
  const rel = path.relative(outer, inner);
  if (rel === '..' || rel.startsWith(`..${path.sep}`) || path.isAbsolute(rel)) return undefined;
  return rel.split(path.sep).join('/');
}
