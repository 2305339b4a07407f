/** A talk about one photo: its history, the answer that is being said, and how to stop or repeat it. */
import type { ChatMessage } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';
import { models } from './models.svelte.ts';

const settleMs = 500;

/** Shown until the engine's own record, which has the time and the model, takes its place. */
function provisional(role: ChatMessage['role'], text: string): ChatMessage {
  return { role, text, model: null, sent: null, createdAt: '' };
}

/** What a model that only reads a caption answers beside the one that sees the photo: shown, and not kept. */
export class Aside {
  readonly model: string;
  text = $state('');
  caption = $state<string | null>(null);
  error = $state<string | null>(null);
  busy = $state(true);

  constructor(model: string) {
    this.model = model;
  }
}

export class Conversation {
  readonly photoId: number;
  messages = $state.raw<readonly ChatMessage[]>([]);
  /** The answer so far while one is being said. */
  saying = $state<string | null>(null);
  stopped = $state(false);
  error = $state<string | null>(null);
  droppedTurns = $state(0);
  /** What the model was given in the last question's place. */
  gloss = $state<string | null>(null);
  /** What is being typed: kept while the panel comes and goes. */
  draft = $state('');

  /** By the place of their questions among the messages. */
  asides = $state.raw<ReadonlyMap<number, Aside>>(new Map());

  #stop: AbortController | undefined;

  constructor(photoId: number) {
    this.photoId = photoId;
  }

  get busy(): boolean {
    return this.saying !== null || [...this.asides.values()].some(({ busy }) => busy);
  }

  async say(text: string): Promise<void> {
    this.messages = [...this.messages, provisional('user', text)];
    await this.#answer({ text });
  }

  /** Asks `text` in place of the question at this place among the messages; what followed it goes. */
  async change(at: number, text: string): Promise<void> {
    const before = this.messages.slice(0, at);
    const edit = before.filter((message) => message.role === 'user').length;
    this.messages = [...before, provisional('user', text)];
    await this.#answer({ text, edit });
    // What could not be asked has taken nothing back: the engine's record holds.
    if (this.error) this.messages = await this.#kept();
  }

  /** Asks the last question once more; its answer is replaced. */
  async again(): Promise<void> {
    if (this.messages.at(-1)?.role === 'assistant') this.messages = this.messages.slice(0, -1);
    await this.#answer({ again: true });
  }

  stop(): void {
    this.#stop?.abort();
  }

  async clear(): Promise<void> {
    try {
      await api.clearChat({ id: this.photoId });
      this.messages = [];
      this.asides = new Map();
      this.error = null;
      this.stopped = false;
    } catch (error) {
      this.error = reasonOf(error);
    }
  }

  async #answer(asked: { text: string; edit?: number } | { again: true }): Promise<void> {
    const controller = new AbortController();
    this.#stop = controller;
    this.saying = '';
    this.error = null;
    this.stopped = false;
    this.droppedTurns = 0;
    this.gloss = null;
    const at = this.messages.length - 1;
    this.asides = new Map([...this.asides].filter(([place]) => place < at));
    const { beside } = models;
    if (beside !== null) void this.#answerBeside(at, new Aside(beside), controller.signal);
    try {
      const by = models.talker === null ? {} : { model: models.talker };
      const args = { photo: { id: this.photoId }, ...asked, ...by };
      for await (const event of api.chat(args, controller.signal)) {
        if (event.type === 'delta') this.saying += event.text;
        else {
          this.messages = [...this.messages, event.message];
          this.droppedTurns = event.droppedTurns;
          this.gloss = event.gloss ?? null;
        }
      }
    } catch (error) {
      this.stopped = error instanceof AppError && error.code === 'aborted';
      if (!this.stopped) this.error = reasonOf(error);
      this.#keepWhatWasSaid();
    } finally {
      this.saying = null;
    }
  }

  async #answerBeside(at: number, aside: Aside, signal: AbortSignal): Promise<void> {
    this.asides = new Map([...this.asides, [at, aside]]);
    const text = this.messages[at]?.text ?? '';
    try {
      const args = { photo: { id: this.photoId }, text, alone: true, model: aside.model };
      for await (const event of api.chat(args, signal)) {
        if (event.type === 'delta') aside.text += event.text;
        else {
          aside.text = event.message.text;
          aside.caption = event.message.caption ?? null;
        }
      }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'aborted')) aside.error = reasonOf(error);
    } finally {
      aside.busy = false;
    }
  }

  /** The engine keeps an answer that was cut off; so does the page, at once. */
  #keepWhatWasSaid(): void {
    const text = this.saying;
    if (!text) return;
    this.messages = [...this.messages, provisional('assistant', text)];
    setTimeout(() => void this.#settle(), settleMs);
  }

  async #kept(): Promise<readonly ChatMessage[]> {
    return api.photo({ id: this.photoId }).then(
      ({ chat }) => chat,
      () => this.messages,
    );
  }

  /** Takes over the engine's record of a cut answer, which also says what was sent. */
  async #settle(): Promise<void> {
    const chat = await this.#kept();
    if (!this.busy && chat.length === this.messages.length) this.messages = chat;
  }
}
