/** What the grid shows: the library or the answer to a search, which photo is active and which are chosen. */
import type { Filter, Folder, PhotoSummary, Root, SavedSearch, Sort } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';
import { clampTarget, usualTarget, type Box, type RowStyle } from '../lib/justify.ts';
import { examplesOf } from '../lib/suggest.ts';
import { nameOf } from './job-words.ts';
import { Flight } from './flight.svelte.ts';
import { Kept } from './kept.svelte.ts';
import {
  blockAt,
  blockSize,
  blocksBetween,
  boxAt,
  blocksOf,
  spotsBetween,
  spotsInside,
  stepFrom,
  type Span,
  type Step,
  type Spot,
  type Tile,
} from './layout.ts';
import { Seeker, type Likeness } from './seeker.svelte.ts';
import { Selection } from './selection.svelte.ts';
import { Shelf } from './shelf.svelte.ts';
import { spansOf } from './timeline.ts';

/** Scrolling redraws once in so many pixels. */
const band = 240;
const zoomStep = 20;

export type Place = Pick<Folder, 'root' | 'folder'> | null;

export class Browse {
  place = $state.raw<Place>(null);
  /** The library's folders, to name the one that is shown. */
  roots = $state.raw<readonly Root[]>([]);
  /** What the person filters by, beside the folder. */
  filter = $state.raw<Filter>({});
  sort = $state<Sort>('newest');
  /** Pixels that rows should be tall; null for what suits the window. */
  rowHeight = $state<number | null>(null);
  /** A word about what was done, beside the grid. */
  note = $state('');
  #fault = $state<string | null>(null);
  active = $state(0);
  width = $state(0);
  height = $state(0);
  scrollTop = $state(0);
  /** While the scrubber flies over the library, what it passes is not loaded. */
  scrubbing = $state(false);
  readonly #flight = new Flight();

  readonly selection = new Selection();
  readonly kept = new Kept();
  readonly shelf = new Shelf((change) => this.#hold(change));
  readonly seeker = new Seeker(
    () => this.whole,
    () => this.#startOver(),
  );

  readonly placeName = $derived.by(() => {
    const root = this.roots.find(({ id }) => id === this.place?.root);
    return root ? nameOf(this.place?.folder || root.path) : null;
  });
  /** All that photos must pass: the folder, and what the person filters by. */
  readonly whole = $derived.by((): Filter => {
    const { root, folder } = this.place ?? {};
    return { ...(root !== undefined && { root }), ...(folder && { folder }), ...this.filter };
  });
  readonly query = $derived(this.seeker.query);
  readonly answer = $derived(this.seeker.answer);
  readonly total = $derived(this.shelf.total);
  readonly error = $derived(this.#fault ?? this.seeker.error ?? this.shelf.error);
  readonly count = $derived(this.answer ? this.answer.hits.length : (this.total ?? 0));
  readonly filtered = $derived(Object.keys(this.filter).length > 0);
  /** Whether what is shown is not yet what was asked for. */
  readonly busy = $derived(
    this.seeker.asking ? this.seeker.busy : this.shelf.opening && this.shelf.error === null,
  );

  readonly target = $derived(clampTarget(this.rowHeight ?? usualTarget(this.width)));
  readonly #style: RowStyle = $derived({
    width: this.width,
    target: this.target,
    gap: 4,
    below: this.answer ? 26 : 0,
  });
  readonly #spans: Span[] = $derived(
    this.answer
      ? this.seeker.spans
      : spansOf(this.shelf.days, this.total ?? 0, this.sort === 'oldest' ? 'oldest' : 'newest'),
  );
  readonly #ratios = $derived(this.answer ? this.seeker.ratios : this.shelf.ratios);
  /** Where everything stands: worked out anew when other photos are shown or the room changes, not by scrolling. */
  readonly blocks = $derived(this.width > 0 ? blocksOf(this.#spans, this.#ratios, this.#style) : []);
  /** Whether the grid has headings by date. */
  readonly dated = $derived(!this.answer && this.#spans[0]?.key != null);
  readonly canvasHeight = $derived((this.blocks.at(-1)?.top ?? 0) + (this.blocks.at(-1)?.height ?? 0));
  readonly #band = $derived(Math.floor(this.scrollTop / band) * band);
  readonly #top = $derived(this.#band - this.#flight.ahead);
  readonly #foot = $derived(this.#band + this.height + band + this.#flight.ahead);
  readonly #around = $derived(blocksBetween(this.blocks, this.#top, this.#foot));
  /** The blocks on screen or near it, and that of the active photo. */
  readonly near = $derived.by(() => {
    const own = blockAt(this.blocks, this.active);
    if (!own || this.#around.includes(own)) return this.#around;
    return own.start < (this.#around[0]?.start ?? 0) ? [own, ...this.#around] : [...this.#around, own];
  });
  readonly #spots: Spot[] = $derived.by(() => {
    const spots = spotsBetween(this.#around, this.#top, this.#foot);
    if (spots.some(({ index }) => index === this.active)) return spots;
    // The active photo stays in the document wherever the page is scrolled, for assistive technology.
    const box = boxAt(this.blocks, this.active);
    return box ? [...spots, { index: this.active, box }] : spots;
  });
  /** A place without its photo is empty to the eye at first, so that in flight there need be none. */
  readonly tiles: Tile[] = $derived(
    this.#spots.flatMap((spot) => {
      const photo = this.at(spot.index) ?? null;
      if (!photo && this.#flight.on && spot.index !== this.active) return [];
      return { ...spot, photo, hit: this.answer?.hits[spot.index] ?? null };
    }),
  );

  /** Queries that find something here. */
  readonly examples = $derived(examplesOf(this.shelf.pages[0] ?? []));

  /** Reads how photos were last sorted and how large they were. */
  async restore(): Promise<void> {
    const { sort, rowHeight } = await this.kept.load();
    if (rowHeight != null) this.rowHeight = clampTarget(rowHeight);
    if (sort && sort !== this.sort) this.sortBy(sort);
  }

  at(index: number): PhotoSummary | undefined {
    return this.answer ? this.answer.hits[index]?.photo : this.shelf.at(index);
  }

  /** Knows the library's folders; one that has left it is no longer shown. */
  know(roots: readonly Root[]): void {
    this.roots = roots;
    if (this.place && !roots.some(({ id }) => id === this.place?.root)) this.everywhere();
  }

  /** Leaves the folder; what is searched for is now sought in all photos. */
  everywhere(): void {
    this.place = null;
    this.#open();
    if (this.seeker.asking) void this.seeker.ask();
  }

  /** Shows a folder, or all photos; a search ends, filters hold. */
  show(place: Place): void {
    this.place = place;
    this.seeker.end();
    this.#open();
  }

  filterBy(filter: Filter): void {
    this.filter = filter;
    this.#open();
    if (this.seeker.asking) void this.seeker.ask();
  }

  sortBy(sort: Sort): void {
    this.sort = sort;
    this.#open();
    void this.kept.keepView({ sort, rowHeight: this.rowHeight });
  }

  zoomTo(rowHeight: number): void {
    this.rowHeight = clampTarget(rowHeight);
    void this.kept.keepView({ sort: this.sort, rowHeight: this.rowHeight });
  }

  zoom(direction: -1 | 1): void {
    this.zoomTo(this.target + direction * zoomStep);
  }

  type(query: string): void {
    this.seeker.type(query);
  }

  like(likeness: Likeness): void {
    this.seeker.like(likeness);
  }

  recall(search: SavedSearch): void {
    const { root, folder = '', ...filter } = search.filter;
    this.place = root === undefined ? null : { root, folder };
    this.seeker.end();
    this.filterBy(filter);
    this.type(search.query);
  }

  /** Asks again for what is on screen; the rest when it is seen again. What is shown stays until then. */
  reload(): void {
    this.shelf.reload(this.answer !== null && this.shelf.error === null);
    this.fill();
    if (this.answer) void this.seeker.ask();
  }

  /** Takes where the wall has been scrolled to. */
  scrolledTo(top: number): void {
    if (Math.abs(top - this.scrollTop) > this.height) this.#flight.jump();
    this.scrollTop = top;
  }

  /** Loads the pages that are on screen or near it and not here yet. */
  fill(): void {
    if (this.answer || this.scrubbing || this.#flight.on) return;
    this.shelf.renew();
    const near = blocksBetween(this.blocks, this.#band - this.height, this.#band + 2 * this.height + band);
    const last = near.at(-1);
    if (near[0] && last) this.shelf.fill(near[0].start, last.start + last.count);
  }

  move(step: Step): void {
    const next = stepFrom(this.blocks, this.active, step, this.height);
    if (next !== undefined && next >= 0 && next < this.count) this.active = next;
  }

  toggle(index: number): void {
    const photo = this.at(index);
    if (photo) this.selection.toggle(photo.id, index);
  }

  /** Chooses from where the range began to this photo, which becomes the active one. */
  async rangeTo(index: number, from?: number): Promise<void> {
    const pivot = from ?? (this.selection.size > 0 ? this.selection.pivot : this.active);
    this.selection.pivot = pivot;
    this.active = index;
    this.selection.extend(await this.#ids(Math.min(pivot, index), Math.max(pivot, index) + 1));
  }

  async chooseAll(): Promise<void> {
    this.selection.set(await this.#ids(0, this.count), this.active);
  }

  /** Chooses what a rectangle touches, beside `others`. */
  chooseInside(area: Box, others: ReadonlySet<number>): void {
    const inside = spotsInside(this.blocks, area);
    const ids = inside.flatMap(({ index }) => this.at(index)?.id ?? []);
    this.selection.set([...others, ...ids], inside.at(-1)?.index ?? this.active);
  }

  /** The photos that an action is for: the chosen ones, else the active one. */
  targets(): number[] {
    const active = this.at(this.active);
    return this.selection.size > 0 ? [...this.selection.ids] : active ? [active.id] : [];
  }

  /** Shows the stars at once; takes them back where the engine could not. */
  async rate(rating: number, ids = this.targets()): Promise<void> {
    if (ids.length === 0) return;
    const rated = new Set(ids);
    this.shelf.patch(rated, { rating });
    this.seeker.patch(rated, { rating });
    await this.attempt(() => api.rate({ ids, rating }));
    if (this.#fault) this.reload();
  }

  /** Shows what has become of a photo. */
  changed(id: number, change: Partial<PhotoSummary>): void {
    this.shelf.patch(new Set([id]), change);
    this.seeker.patch(new Set([id]), change);
  }

  /** Does something for the person and says beside the grid why it could not. */
  async attempt(act: () => Promise<unknown>): Promise<void> {
    this.#fault = null;
    try {
      await act();
    } catch (error) {
      this.#fault = reasonOf(error);
    }
  }

  async #ids(from: number, to: number): Promise<number[]> {
    if (this.answer) return this.answer.hits.slice(from, to).map((hit) => hit.photo.id);
    let ids: number[] = [];
    await this.attempt(async () => (ids = await this.shelf.ids(from, to)));
    return ids;
  }

  #open(): void {
    this.#startOver();
    this.shelf.open({ filter: this.whole, sort: this.sort });
  }

  #startOver(): void {
    this.active = 0;
    this.note = '';
    this.#fault = null;
    this.selection.clear();
  }

  /** New photos may have come before the active one; it stays active, wherever it stands now. */
  #hold(change: () => void): void {
    const id = this.answer ? undefined : this.at(this.active)?.id;
    change();
    this.#flight.settle();
    if (id === undefined || this.at(this.active)?.id === id) return;
    for (const [page, photos] of this.shelf.pages.entries()) {
      const at = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (at >= 0) this.active = page * blockSize + at;
    }
    this.active = Math.max(0, Math.min(this.active, this.count - 1));
  }
}
