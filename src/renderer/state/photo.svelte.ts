/** The photo that is open: its details, its captions, and the talk about it. */
import type { Found, PhotoDetails, PhotoSummary, TextEntry } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';
import { Conversation } from './conversation.svelte.ts';
import { models } from './models.svelte.ts';

export class OpenPhoto {
  readonly id: number;
  readonly conversation: Conversation;
  details = $state.raw<PhotoDetails | null>(null);
  error = $state<string | null>(null);
  describing = $state(false);
  captionError = $state<string | null>(null);
  /** Why a rating or a tag could not be kept. */
  markError = $state<string | null>(null);

  /** What the grid knew of it: shown until its details are there. */
  readonly #summary: PhotoSummary | null;
  readonly known = $derived.by(() => this.details ?? this.#summary);

  readonly #newestFirst: readonly TextEntry[] = $derived(
    (this.details?.captions ?? [])
      .filter((entry) => entry.text.trim() !== '')
      .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)),
  );
  readonly own = $derived(this.#newestFirst.find((entry) => entry.source === 'person') ?? null);
  readonly thought = $derived(this.#newestFirst.find((entry) => entry.source === 'model') ?? null);
  /** What the newest words of a model say is where: of a caption, or of an answer in the talk. */
  readonly found: readonly Found[] = $derived.by(
    () =>
      [...(this.thought ? [this.thought] : []), ...this.conversation.messages]
        .filter(({ boxes }) => boxes && boxes.length > 0)
        .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
        .at(-1)?.boxes ?? [],
  );
  /** Whether it is drawn on the photo, and which of it is pointed at. */
  marking = $state(true);
  pointed = $state<number | null>(null);
  readonly marks = $derived(this.marking ? this.found : []);
  /** No file of it can be reached now: its drive is away, or it was moved. */
  readonly offline = $derived(
    this.details !== null &&
      this.details.files.length > 0 &&
      !this.details.files.some((file) => file.present),
  );
  readonly earlier = $derived(
    this.#newestFirst.filter((entry) => entry !== this.own && entry !== this.thought),
  );

  constructor(id: number, summary: PhotoSummary | null) {
    this.id = id;
    this.#summary = summary;
    this.conversation = new Conversation(id);
  }

  async load(): Promise<void> {
    const { messages } = this.conversation;
    try {
      this.details = await api.photo({ id: this.id });
      this.pointed = null;
      // What was said in the meantime is newer than this record of the talk.
      if (!this.conversation.busy && this.conversation.messages === messages)
        this.conversation.messages = this.details.chat;
      this.error = null;
    } catch (error) {
      this.error = reasonOf(error);
    }
  }

  async describe(prompt: string): Promise<void> {
    this.describing = true;
    await this.#changeCaption(() =>
      api.caption({
        photo: { id: this.id },
        ...(prompt.trim() && { prompt: prompt.trim() }),
        ...(models.writer !== null && { model: models.writer }),
      }),
    );
    this.describing = false;
  }

  async write(text: string): Promise<boolean> {
    return this.#changeCaption(() => api.writeCaption({ id: this.id, text }));
  }

  /** A person's stars; the same number again takes them back. */
  async rate(rating: number): Promise<void> {
    const next = rating === this.known?.rating ? 0 : rating;
    await this.#mark({ rating: next }, () => api.rate({ ids: [this.id], rating: next }));
  }

  async tag(add: readonly string[], remove: readonly string[] = []): Promise<void> {
    const kept = (this.details?.tags ?? []).filter((tag) => !remove.includes(tag));
    const tags = [...kept, ...add.filter((tag) => !kept.includes(tag))];
    await this.#mark({ tags }, () => api.tag({ ids: [this.id], add: [...add], remove: [...remove] }));
  }

  /** Shows a mark at once, and takes it back where the engine refuses it. */
  async #mark(change: Partial<PhotoDetails>, keep: () => Promise<unknown>): Promise<void> {
    const before = this.details;
    this.markError = null;
    if (before) this.details = { ...before, ...change };
    try {
      await keep();
      if (!before) await this.load();
    } catch (error) {
      this.details = before;
      this.markError = reasonOf(error);
    }
  }

  async #changeCaption(change: () => Promise<unknown>): Promise<boolean> {
    this.captionError = null;
    try {
      await change();
      await this.load();
      return true;
    } catch (error) {
      this.captionError = reasonOf(error);
      return false;
    }
  }
}

/** Opens photos one at a time; one whose answer is still being said is found again as it was left. */
export class Desk {
  current = $state.raw<OpenPhoto | null>(null);
  #talking: readonly OpenPhoto[] = [];

  open(id: number, summary: PhotoSummary | null = null): void {
    if (this.current?.id === id) return;
    this.close();
    this.current = this.#talking.find((photo) => photo.id === id) ?? new OpenPhoto(id, summary);
    void this.current.load();
  }

  close(): void {
    const photos = this.current ? [...this.#talking, this.current] : this.#talking;
    this.#talking = photos.filter((photo, at) => photo.conversation.busy && photos.indexOf(photo) === at);
    this.current = null;
  }
}
