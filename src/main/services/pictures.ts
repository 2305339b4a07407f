/** Photos for looking at closely: decoded when they are asked for, and the last ones remembered. */
import { stat } from 'node:fs/promises';
import { AppError } from '../../shared/errors.ts';
import type { IndexLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { ByteCache } from '../lib/byte-cache.ts';
import { display } from '../lib/paths.ts';
import type { ReadDb } from '../store/database.ts';
import { originals, type Original } from '../store/originals.ts';

const rememberedBytes = 64_000_000;
/** A decoder that hangs holds the whole lane: after this time its process is ended. */
const longestMs = 120_000;

export class Pictures {
  readonly #db: ReadDb;
  readonly #lane: () => Lane<IndexLane>;
  readonly #remembered = new ByteCache(rememberedBytes);
  /** By the same key: two that ask for the same photo wait for one decoding. */
  readonly #decoding = new Map<string, Promise<Uint8Array>>();

  constructor(db: ReadDb, lane: () => Lane<IndexLane>) {
    this.#db = db;
    this.#lane = lane;
  }

  /** An upright sRGB JPEG of the photo; undefined where there is no such photo. */
  async get(photoId: number): Promise<Uint8Array | undefined> {
    const files = originals(this.#db, photoId);
    const [first] = files;
    if (!first) return undefined;
    for (const file of files) {
      const stamp = await stampOf(file);
      if (stamp === undefined) continue;
      if (file.reason !== null) throw new AppError('unreadable', `${display(file.path)}: ${file.reason}`);
      return await this.#picture(`${photoId}:${stamp}`, file);
    }
    throw new AppError(
      'not-found',
      `${display(first.path)} is not there now. Connect its disk, or put the file back.`,
    );
  }

  async #picture(key: string, file: Original): Promise<Uint8Array> {
    const known = this.#remembered.get(key) ?? this.#decoding.get(key);
    if (known) return await known;
    const decoding = this.#decode(file).finally(() => this.#decoding.delete(key));
    this.#decoding.set(key, decoding);
    const jpeg = await decoding;
    this.#remembered.set(key, jpeg);
    return jpeg;
  }

  async #decode({ path, name }: Original): Promise<Uint8Array> {
    const lane = this.#lane();
    const client = await lane.get();
    const timer = setTimeout(() => lane.kill('Decoding a photo took too long.'), longestMs);
    try {
      return await client.picture({ file: { id: 0, path, name } });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Changes when the file does; undefined where it is not there. */
async function stampOf({ path }: Original): Promise<string | undefined> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch {
    return undefined;
  }
}
