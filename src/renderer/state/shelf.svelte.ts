/** The library's photos as they are loaded, page by page, for one question: which, and in which order. */
import type { Day, Filter, PhotoSummary, Sort } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { ratioOfShape, shapeOf } from '../../shared/shapes.ts';
import { api } from '../lib/api.ts';
import { shownRatio, usualRatio } from '../lib/justify.ts';
import { blockSize } from './layout.ts';

export interface Question {
  filter: Filter;
  sort: Sort;
}

/** The library's pages of `blockSize` photos by number, where they are loaded. */
type Pages = readonly (readonly PhotoSummary[] | undefined)[];

const idsAtOnce = 1000;

export class Shelf {
  /** By page of the library; what is stale is shown until it has come again. */
  pages = $state.raw<Pages>([]);
  total = $state.raw<number | null>(null);
  /** Of every photo, loaded or not: width over height, as it is shown. */
  ratios = $state.raw<Float32Array>(new Float32Array());
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
  #outdated = false;
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

  /** Asks everything anew: at once, or at the next `renew` where nobody sees these photos now. */
  reload(later = false): void {
    this.#outdated = later;
    if (later) return;
    this.#stale = this.pages.map(() => true);
    this.#asked = [];
    this.#generation++;
    void this.#begin();
  }

  /** These photos are seen again. */
  renew(): void {
    if (this.#outdated) this.reload();
  }

  /** Loads what is not here yet, or stale, of the photos between two indexes. */
  fill(from: number, to: number): void {
    if (this.opening) return;
    for (let page = Math.floor(from / blockSize); page * blockSize < to; page++) {
      if (!this.#asked[page] && (!this.pages[page] || this.#stale[page] === true)) void this.#load(page);
    }
  }

  at(index: number): PhotoSummary | undefined {
    return this.pages[Math.floor(index / blockSize)]?.[index % blockSize];
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
    return (await api.photos({ ...this.#question.filter, ...this.#order(), offset, limit })).photos;
  }

  /** The first page and the days come together, so that headings never push photos that are already seen. */
  async #begin(): Promise<void> {
    const { filter, sort } = this.#question;
    const dated = sort === 'newest' || sort === 'oldest';
    const generation = this.#generation;
    const opening = this.opening;
    // Headings and shapes are a help: photos are shown without them where they cannot be had.
    const days = (): Promise<Day[]> => (dated ? api.timeline(filter).catch(() => []) : Promise.resolve([]));
    const ratios = (): Promise<Float32Array | null> =>
      api.shapes({ ...filter, ...this.#order() }).then(ratiosFrom, () => null);
    await this.#load(0, () => Promise.all([days(), opening ? null : ratios()]));
    // Nothing that is seen of a wall just opened depends on the shapes of the photos further down.
    const all = opening && generation === this.#generation ? await ratios() : null;
    if (all && generation === this.#generation) this.ratios = fitted(all, this.total ?? 0);
  }

  #order(): { sort?: Sort } {
    const { sort } = this.#question;
    return sort === 'newest' ? {} : { sort };
  }

  async #load(page: number, about?: () => Promise<[Day[], Float32Array | null]>): Promise<void> {
    const generation = this.#generation;
    this.#asked[page] = true;
    try {
      const { filter } = this.#question;
      const asked = api.photos({ ...filter, ...this.#order(), offset: page * blockSize, limit: blockSize });
      const [{ total, photos }, known] = await Promise.all([asked, about?.()]);
      if (generation !== this.#generation) return;
      if (this.opening) this.#forget();
      this.#hold(() => {
        this.total = total;
        if (known) this.days = known[0];
        const pages = this.pages.slice(0, Math.ceil(total / blockSize));
        pages[page] = photos;
        this.pages = pages;
        this.ratios = withPage(fitted(known?.[1] ?? this.ratios, total), page * blockSize, photos);
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
    this.ratios = new Float32Array();
    this.opened++;
  }
}

/** The ratio that each shape is shown with. */
const shownRatios = Float32Array.from({ length: 256 }, (_, shape) => shownRatio(ratioOfShape(shape)));

function ratiosFrom(shapes: string): Float32Array {
  const bytes = atob(shapes);
  // A loop: `from` with a function takes five times as long for a hundred thousand.
  const ratios = new Float32Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) ratios[at] = shownRatios[bytes.charCodeAt(at)] ?? usualRatio;
  return ratios;
}

/** One ratio for each of `total` photos; while photos come, the shapes may have been read a moment earlier. */
function fitted(ratios: Float32Array, total: number): Float32Array {
  if (ratios.length === total) return ratios;
  const all = new Float32Array(total).fill(usualRatio);
  all.set(ratios.subarray(0, total));
  return all;
}

/** The same array for as long as it is true of these photos, so that nothing is laid out again. */
function withPage(ratios: Float32Array, start: number, photos: readonly PhotoSummary[]): Float32Array {
  const own = Float32Array.from(photos, ({ width, height }) =>
    shownRatio(ratioOfShape(shapeOf(width, height))),
  );
  if (own.every((ratio, at) => ratios[start + at] === ratio)) return ratios;
  const all = ratios.slice();
  all.set(own.subarray(0, all.length - start), start);
  return all;
}
