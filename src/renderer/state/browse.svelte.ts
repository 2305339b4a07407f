/** What the grid shows: a folder or the answer to a search, loaded as it is looked at, and which photo is chosen. */
import type { Folder, PhotoSummary, SearchAnswer } from '../../shared/contract.ts';
import { reasonOf } from '../../shared/errors.ts';
import { api } from '../lib/api.ts';
import type { RowStyle } from '../lib/justify.ts';
import {
  blockAt,
  blockSize,
  boxAt,
  indexBeside,
  libraryBlocks,
  searchBlocks,
  tilesBetween,
  type Pages,
} from './layout.ts';

const typingPauseMs = 120;
const searchLimit = 300;
/** Scrolling redraws once in so many pixels, with as much again drawn ahead. */
const band = 240;
const ahead = 720;

export type Place = Pick<Folder, 'root' | 'folder'> | null;
export type Step = 'left' | 'right' | 'up' | 'down' | 'first' | 'last';

export class Browse {
  place = $state.raw<Place>(null);
  query = $state('');
  answer = $state.raw<SearchAnswer | null>(null);
  error = $state<string | null>(null);
  total = $state<number | null>(null);
  active = $state(0);
  width = $state(0);
  height = $state(0);
  scrollTop = $state(0);

  /** By page of the library; what is stale is shown until it has come again. */
  #pages = $state.raw<Pages>([]);
  #stale: boolean[] = [];
  #asked: boolean[] = [];
  #generation = 0;
  #turn = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  readonly count = $derived(this.answer ? this.answer.hits.length : (this.total ?? 0));
  readonly #style: RowStyle = $derived({
    width: this.width,
    target: this.width < 500 ? 130 : this.width < 900 ? 180 : 210,
    gap: 4,
    below: this.answer ? 26 : 0,
  });
  readonly blocks = $derived.by(() => {
    if (this.width <= 0) return [];
    return this.answer
      ? searchBlocks(this.answer.hits, this.#style)
      : libraryBlocks(this.total ?? 0, this.#pages, this.#style);
  });
  readonly canvasHeight = $derived((this.blocks.at(-1)?.top ?? 0) + (this.blocks.at(-1)?.height ?? 0));
  readonly #band = $derived(Math.floor(this.scrollTop / band) * band);
  readonly tiles = $derived.by(() => {
    const tiles = tilesBetween(this.blocks, this.#band - ahead, this.#band + this.height + band + ahead);
    if (tiles.some((tile) => tile.index === this.active)) return tiles;
    // The chosen photo stays in the document wherever the page is scrolled, for assistive technology.
    const box = boxAt(this.blocks, this.active);
    return box
      ? [...tiles, { index: this.active, box, photo: this.at(this.active) ?? null, hit: null }]
      : tiles;
  });

  /** Queries that find something here: captions of photos that are loaded, else their names. */
  readonly examples = $derived.by(() => {
    const photos = this.#pages.flatMap((page) => page ?? []).filter((photo) => photo.state === 'ready');
    const texts = photos.map((photo) => photo.caption?.replace(/[.。]$/, '') ?? photo.name);
    const short = texts.filter((text, at) => text.length <= 60 && texts.indexOf(text) === at);
    return [0, 1, 2].flatMap((part) => short[Math.floor((part * short.length) / 3)] ?? []);
  });

  at(index: number): PhotoSummary | undefined {
    const block = blockAt(this.blocks, index);
    return block?.photos?.[index - block.start];
  }

  /** Shows a folder, or all photos; a search ends. */
  show(place: Place): void {
    this.place = place;
    this.type('');
    this.#forget();
    this.total = null;
    void this.#load(0);
  }

  /** Asks again for what is on screen; the rest when it is scrolled to. What is shown stays until then. */
  reload(): void {
    this.#stale = this.#pages.map(() => true);
    this.#asked = [];
    this.#generation++;
    if (this.blocks.length === 0) void this.#load(0);
    this.fill();
    if (this.answer) void this.#search();
  }

  /** Loads the pages that are on screen or near it and not here yet. */
  fill(): void {
    if (this.answer) return;
    const from = this.#band - this.height;
    const to = this.#band + 2 * this.height + band;
    for (const block of this.blocks) {
      if (block.top < to && block.top + block.height > from && this.#isMissing(block.page)) {
        void this.#load(block.page);
      }
    }
  }

  /** Takes the words as they are typed; asks once the typing rests. */
  type(query: string): void {
    this.query = query;
    clearTimeout(this.#typing);
    if (query.trim() !== '') {
      this.#typing = setTimeout(() => void this.#search(), typingPauseMs);
      return;
    }
    this.#turn++;
    this.error = null;
    if (this.answer) this.active = 0;
    this.answer = null;
  }

  move(step: Step): void {
    const beside = step === 'up' || step === 'down';
    const next = beside
      ? indexBeside(this.blocks, this.active, step === 'up' ? -1 : 1)
      : { left: this.active - 1, right: this.active + 1, first: 0, last: this.count - 1 }[step];
    if (next !== undefined && next >= 0 && next < this.count) this.active = next;
  }

  #isMissing(page: number): boolean {
    return !this.#asked[page] && (!this.#pages[page] || this.#stale[page] === true);
  }

  #forget(): void {
    this.#pages = [];
    this.#stale = [];
    this.#asked = [];
    this.#generation++;
    this.active = 0;
  }

  async #load(page: number): Promise<void> {
    const generation = this.#generation;
    this.#asked[page] = true;
    try {
      const place = this.place && {
        root: this.place.root,
        ...(this.place.folder && { folder: this.place.folder }),
      };
      const { total, photos } = await api.photos({ ...place, offset: page * blockSize, limit: blockSize });
      if (generation !== this.#generation) return;
      const chosen = this.answer ? undefined : this.at(this.active)?.id;
      this.total = total;
      const pages = [...this.#pages];
      pages[page] = photos;
      this.#pages = pages;
      this.#stale[page] = false;
      this.error = null;
      this.#keepChosen(chosen);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#asked[page] = false;
      this.error = reasonOf(error);
    }
  }

  /** New photos may have come before the chosen one; it stays chosen, wherever it stands now. */
  #keepChosen(id: number | undefined): void {
    if (id === undefined || this.at(this.active)?.id === id) return;
    for (const [page, photos] of this.#pages.entries()) {
      const at = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (at >= 0) this.active = page * blockSize + at;
    }
    this.active = Math.max(0, Math.min(this.active, this.count - 1));
  }

  async #search(): Promise<void> {
    const turn = ++this.#turn;
    const query = this.query.trim();
    try {
      const answer = await api.search({ query, limit: searchLimit });
      // An answer may come after that of a later question; only the last question's counts.
      if (turn !== this.#turn) return;
      if (this.answer?.query !== answer.query) this.active = 0;
      this.answer = answer;
      this.error = null;
    } catch (error) {
      if (turn === this.#turn) this.error = reasonOf(error);
    }
  }
}
