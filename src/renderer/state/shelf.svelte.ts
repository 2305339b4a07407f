/** The library's photos as they are loaded, page by page, for one question: which, and in which order. */
import type { Day, Filter, PhotoSummary, Sort } from '../../shared/contract.ts';
import { reasonOf } from '../../shared/errors.ts';
import { api } from '../lib/api.ts';
import { blockSize, type Pages } from './layout.ts';

export interface Question {
  filter: Filter;
  sort: Sort;
}

const idsAtOnce = 1000;

export class Shelf {
  /** By page of the library; what is stale is shown until it has come again. */
  pages = $state.raw<Pages>([]);
  total = $state.raw<number | null>(null);
  /** Empty where the order is not by date. */
  days = $state.raw<readonly Day[]>([]);
  error = $state<string | null>(null);
  /** How many questions have been answered: another number is another wall of photos. */
  opened = $state(0);
  /** True from a question until its first photos are there. */
  opening = $state(false);

  #question: Question = { filter: {}, sort: 'newest' };
  #stale: boolean[] = [];
  #asked: boolean[] = [];
  #generation = 0;
  readonly #hold: (change: () => void) => void;

  /** `hold` makes a change and keeps the chosen photo chosen through it. */
  constructor(hold: (change: () => void) => void) {
    this.#hold = hold;
  }

  /** Asks a new question; the photos of the last one are shown until its answer is there. */
  open(question: Question): void {
    this.#question = question;
    this.opening = true;
    this.reload();
  }

  reload(): void {
    this.#stale = this.pages.map(() => true);
    this.#asked = [];
    this.#generation++;
    void this.#begin();
  }

  /** Loads what is not here yet, or stale, of the photos between two indexes. */
  fill(from: number, to: number): void {
    if (this.opening) return;
    for (let page = Math.floor(from / blockSize); page * blockSize < to; page++) {
      if (!this.#asked[page] && (!this.pages[page] || this.#stale[page] === true)) void this.#load(page);
    }
  }

  /** The photos between two indexes, the last one left out; what is not loaded is asked for. */
  async ids(from: number, to: number): Promise<number[]> {
    const ids: number[] = [];
    for (let at = from; at < to;) {
      const page = this.pages[Math.floor(at / blockSize)];
      const known = page?.slice(at % blockSize, (at % blockSize) + to - at);
      const photos = known && known.length > 0 ? known : await this.#ask(at, Math.min(idsAtOnce, to - at));
      if (photos.length === 0) break;
      ids.push(...photos.map(({ id }) => id));
      at += photos.length;
    }
    return ids;
  }

  /** Shows a change of photos before the engine has said that it is made. */
  patch(ids: ReadonlySet<number>, change: Partial<PhotoSummary>): void {
    this.pages = this.pages.map((page) =>
      page?.some(({ id }) => ids.has(id))
        ? page.map((photo) => (ids.has(photo.id) ? { ...photo, ...change } : photo))
        : page,
    );
  }

  async #ask(offset: number, limit: number): Promise<PhotoSummary[]> {
    const { filter, sort } = this.#question;
    const order = sort === 'newest' ? {} : { sort };
    return (await api.photos({ ...filter, ...order, offset, limit })).photos;
  }

  /** The first page and the days come together, so that headings never push photos that are already seen. */
  async #begin(): Promise<void> {
    const { filter, sort } = this.#question;
    const dated = sort === 'newest' || sort === 'oldest';
    // Headings are a help: photos are shown without them where the days cannot be had.
    const days = dated ? api.timeline(filter).catch(() => []) : Promise.resolve([]);
    await this.#load(0, days);
  }

  async #load(page: number, days?: Promise<Day[]>): Promise<void> {
    const generation = this.#generation;
    this.#asked[page] = true;
    try {
      const { filter, sort } = this.#question;
      const order = sort === 'newest' ? {} : { sort };
      const asked = api.photos({ ...filter, ...order, offset: page * blockSize, limit: blockSize });
      const [{ total, photos }, counted] = await Promise.all([asked, days]);
      if (generation !== this.#generation) return;
      if (this.opening) this.#forget();
      this.#hold(() => {
        this.total = total;
        if (counted) this.days = counted;
        const pages = this.pages.slice(0, Math.ceil(total / blockSize));
        pages[page] = photos;
        this.pages = pages;
      });
      this.#stale[page] = false;
      this.error = null;
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#asked[page] = false;
      this.error = reasonOf(error);
    }
  }

  #forget(): void {
    this.opening = false;
    this.#stale = [];
    this.#asked = [true];
    this.pages = [];
    this.opened++;
  }
}
