/** Notices that files in the library's folders came, went or changed, and has those folders looked at again. */
import type { AsyncSubscription, BackendType, Event } from '@parcel/watcher';
import { stat } from 'node:fs/promises';
import process from 'node:process';
import { reasonOf } from '../../shared/errors.ts';
import { log } from '../lib/log.ts';
import { display } from '../lib/paths.ts';
import type { ReadDb } from '../store/database.ts';
import { roots, type RootRow } from '../store/files.ts';

/** How often a folder that was away is looked for. */
const awayMs = 30_000;

/** Named, as the library would else ask a program of the search path for its help. */
const backends: Partial<Record<NodeJS.Platform, BackendType>> = {
  darwin: 'fs-events',
  linux: 'inotify',
  win32: 'windows',
};

/** What is written beside photos without being one: sidecars, downloads that are not whole, hidden files. */
const noPhoto = /(?:^|[/\\])\.[^/\\]*|\.(?:xmp|txt|tmp|part|partial|crdownload)$/i;

export interface WatchDeps {
  db: ReadDb;
  /** The library's own folder, which changes all the time. */
  library: string;
  /** A folder is looked at when it has rested so long. */
  restMs: number;
  /** Starts a look at these folders; undefined while another runs. */
  look: (rootIds: number[]) => Promise<unknown> | undefined;
}

/** Only a hint: what there is, the look at the folder says. A folder that cannot be watched is looked at when asked. */
export class Watch {
  readonly #deps: WatchDeps;
  readonly #followed = new Map<number, AsyncSubscription>();
  readonly #changed = new Set<number>();
  readonly #away: NodeJS.Timeout;
  #rest: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #started = false;
  #closed = false;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
    this.#away = setInterval(() => void this.follow(), awayMs).unref();
  }

  /** Watches the folders that the library has now, and no others; one that came back is looked at. */
  follow(): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#followAll())
      .catch((error: unknown) => log.warn(reasonOf(error)));
    return this.#turn;
  }

  /** These folders have to be looked at when all is quiet. */
  mark(rootIds: Iterable<number>): void {
    for (const id of rootIds) this.#changed.add(id);
    clearTimeout(this.#rest);
    if (!this.#closed) this.#rest = setTimeout(() => this.#look(), this.#deps.restMs).unref();
  }

  /** A person stopped the look: nothing is looked at again until it changes. */
  forget(): void {
    this.#changed.clear();
  }

  #look(): void {
    const known = new Set(roots(this.#deps.db).map(({ id }) => id));
    const ids = [...this.#changed].filter((id) => known.has(id));
    this.#changed.clear();
    if (ids.length === 0) return;
    const look = this.#deps.look(ids);
    if (!look) this.mark(ids);
    else void look.catch((error: unknown) => log.warn(`The changed folders wait: ${reasonOf(error)}`));
  }

  async #followAll(): Promise<void> {
    if (this.#closed) return;
    const known = roots(this.#deps.db);
    for (const id of this.#followed.keys()) if (!known.some((root) => root.id === id)) await this.#leave(id);
    for (const root of known) await this.#followOne(root);
    this.#started = true;
  }

  async #followOne(root: RootRow): Promise<void> {
    const there = await isFolder(root.path);
    if (!there) await this.#leave(root.id);
    if (!there || this.#followed.has(root.id)) return;
    const { library } = this.#deps;
    const backend = backends[process.platform];
    const take = (error: Error | null, events: Event[]): void => {
      if (error) log.warn(`${display(root.path)} is no longer watched: ${error.message}`);
      else if (events.some(({ path }) => !noPhoto.test(path.slice(display(root.path).length))))
        this.mark([root.id]);
    };
    const options = { ignore: [library], ...(backend && { backend }) };
    // Loaded by those who watch only: the command line starts without it.
    const { default: watcher } = await import('@parcel/watcher');
    const subscription = await watcher.subscribe(display(root.path), take, options);
    this.#followed.set(root.id, subscription);
    // What happened while nobody watched; a folder that is added is looked at anyway.
    if (!this.#started || root.state === 'offline') this.mark([root.id]);
  }

  async #leave(id: number): Promise<void> {
    const subscription = this.#followed.get(id);
    this.#followed.delete(id);
    await subscription?.unsubscribe();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#away);
    clearTimeout(this.#rest);
    await this.#turn;
    for (const id of [...this.#followed.keys()]) await this.#leave(id);
  }
}

function isFolder(path: Uint8Array): Promise<boolean> {
  return stat(Buffer.from(path)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
