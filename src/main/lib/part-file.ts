/** A file on its way from a hub: what of it is here, and whether it is the one that the hub's list means. */
import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { AppError } from '../../shared/errors.ts';
import type { HubFile } from './hub.ts';

export class PartFile {
  readonly #handle: FileHandle;
  readonly #file: HubFile;
  #sha256: Hash = createHash('sha256');
  #git: Hash;
  size = 0;

  private constructor(handle: FileHandle, file: HubFile) {
    this.#handle = handle;
    this.#file = file;
    this.#git = gitHash(file);
  }

  /** With what an earlier run wrote, unless that is longer than the file. */
  static async open(target: string, file: HubFile): Promise<PartFile> {
    const handle = await open(target, 'a+');
    const part = new PartFile(handle, file);
    if ((await handle.stat()).size > file.bytes) await handle.truncate();
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 }))
      part.#take(chunk as Buffer);
    return part;
  }

  #take(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#git.update(bytes);
    this.size += bytes.length;
  }

  /** Throws AppError('model') where more comes than there should be. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.size + bytes.length > this.#file.bytes) {
      await this.empty();
      throw new AppError(
        'model',
        `${this.#file.path}: expected ${this.#file.bytes} bytes, got more. It was deleted. Try again, or another hub.`,
      );
    }
    await this.#handle.appendFile(bytes);
    this.#take(bytes);
  }

  /** Deletes the content; gives how much it was. */
  async empty(): Promise<number> {
    const { size } = this;
    await this.#handle.truncate();
    this.#sha256 = createHash('sha256');
    this.#git = gitHash(this.#file);
    this.size = 0;
    return size;
  }

  get sha256(): string {
    return this.#sha256.copy().digest('hex');
  }

  get #gitSha1(): string {
    return this.#git.copy().digest('hex');
  }

  /** What the hub's list says of it; both where it says both. */
  get isRight(): boolean {
    const { bytes, sha256, gitSha1 } = this.#file;
    const right = (expected: string | undefined, found: string): boolean =>
      expected === undefined || expected === found;
    return this.size === bytes && right(sha256, this.sha256) && right(gitSha1, this.#gitSha1);
  }

  get expected(): string {
    return named(this.#file.sha256, this.#file.gitSha1 ?? '');
  }

  get found(): string {
    return named(this.#file.sha256 === undefined ? undefined : this.sha256, this.#gitSha1);
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function named(sha256: string | undefined, git: string): string {
  return sha256 === undefined ? `Git hash ${git}` : `SHA-256 ${sha256}`;
}

function gitHash({ bytes }: HubFile): Hash {
  return createHash('sha1').update(`blob ${bytes}\0`);
}
