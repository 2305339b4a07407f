/** What is searched for, in words or by a picture, and the answer. */
import type { Args, Filter, PhotoSummary, SearchAnswer } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';
import { shownRatio } from '../lib/justify.ts';
import type { Span } from './layout.ts';

const typingPauseMs = 120;
const searchLimit = 300;

/** A picture that photos should look like. */
export interface Likeness {
  to: Args<'similar'>['to'];
  name: string;
  /** The address of a small picture of it. */
  picture: string;
}

export class Seeker {
  query = $state('');
  likeness = $state.raw<Likeness | null>(null);
  answer = $state.raw<SearchAnswer | null>(null);
  error = $state<string | null>(null);
  /** True while an answer is awaited: what is shown until then answers something else. */
  busy = $state(false);
  /** True where the best of this answer were looked at once more. */
  closer = $state(false);

  readonly #likely = $derived(this.answer?.hits.filter((hit) => hit.likely).length ?? 0);
  readonly spans: Span[] = $derived(
    [
      { key: 'likely', count: this.#likely },
      { key: 'weaker', count: (this.answer?.hits.length ?? 0) - this.#likely },
    ].filter(({ count }) => count > 0),
  );
  readonly ratios = $derived(
    Float32Array.from(this.answer?.hits ?? [], ({ photo }) => shownRatio(photo.width / photo.height)),
  );

  readonly asking = $derived(this.query.trim() !== '' || this.likeness !== null);
  /** Changes whenever something else is asked. */
  asked = $state('');

  #turn = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;
  readonly #filter: () => Filter;
  readonly #onother: () => void;

  /** `onother` is told when the answer is one to another question, or is gone. */
  constructor(filter: () => Filter, onother: () => void) {
    this.#filter = filter;
    this.#onother = onother;
  }

  /** Takes the words as they are typed; asks once the typing rests. */
  type(query: string): void {
    this.query = query;
    clearTimeout(this.#typing);
    if (query.trim() !== '') {
      this.likeness = null;
      this.#typing = setTimeout(() => void this.ask(), typingPauseMs);
    } else if (!this.likeness) this.end();
  }

  like(likeness: Likeness): void {
    clearTimeout(this.#typing);
    this.query = '';
    this.likeness = likeness;
    void this.ask();
  }

  end(): void {
    clearTimeout(this.#typing);
    this.#turn++;
    this.query = '';
    this.likeness = null;
    this.error = null;
    this.busy = false;
    if (this.answer) this.#onother();
    this.answer = null;
  }

  /** `closer`: the best are looked at once more, which takes seconds and orders them better. */
  async ask(closer = false): Promise<void> {
    const turn = ++this.#turn;
    const question = this.likeness?.picture ?? this.query.trim();
    this.busy = true;
    try {
      const answer = await this.#answer(closer);
      // An answer may come after that of a later question; only the last question's counts.
      if (turn !== this.#turn) return;
      if (this.asked !== question || !this.answer) this.#onother();
      this.asked = question;
      this.closer = closer;
      // In the order they are shown in.
      const hits = answer.hits.toSorted((a, b) => Number(b.likely) - Number(a.likely));
      this.answer = { ...answer, hits };
      this.error = null;
    } catch (error) {
      if (turn === this.#turn) this.error = reasonOf(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  /** What was said of a photo found with these words; undefined where nothing was. */
  good(id: number): boolean | undefined {
    return this.answer?.hits.find(({ photo }) => photo.id === id)?.good;
  }

  /** Keeps whether these photos are what was searched for; null takes it back. */
  async judge(ids: readonly number[], good: boolean | null): Promise<void> {
    const { answer } = this;
    if (!answer) return;
    await api.judge({ query: answer.query, photos: ids.map((id) => ({ id })), good });
    const hits = answer.hits.map(({ good: before, ...hit }) => {
      const now = ids.includes(hit.photo.id) ? (good ?? undefined) : before;
      return now === undefined ? hit : { ...hit, good: now };
    });
    if (this.answer === answer) this.answer = { ...answer, hits };
  }

  patch(ids: ReadonlySet<number>, change: Partial<PhotoSummary>): void {
    if (!this.answer) return;
    const hits = this.answer.hits.map((hit) =>
      ids.has(hit.photo.id) ? { ...hit, photo: { ...hit.photo, ...change } } : hit,
    );
    this.answer = { ...this.answer, hits };
  }

  #answer(closer: boolean): Promise<SearchAnswer> {
    const filter = this.#filter();
    const conditions = { ...(Object.keys(filter).length > 0 && { filter }), limit: searchLimit };
    return this.likeness
      ? api.similar({ to: this.likeness.to, ...conditions })
      : api.search({ query: this.query.trim(), ...conditions, ...(closer && { rerank: true }) });
  }
}
