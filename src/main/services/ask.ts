/** Talking about one photo: a caption, one answer, or a conversation that is remembered. */
import { realpath, stat } from 'node:fs/promises';
import type {
  Args,
  AskAnswer,
  CaptionAnswer,
  ChatEvent,
  ChatMessage,
  PhotoRef,
} from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import {
  fileAt,
  type FileToRead,
  type GenerateEvent,
  type GenerateLane,
  type IndexLane,
  type Look,
} from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import type { Grounded } from '../inference/boxes.ts';
import type { Generated, Preprocess, Prompt, Turn } from '../inference/model.ts';
import { pathFields } from '../lib/paths.ts';
import { photoAt, photoPath } from '../store/browse.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import { saveModelCaption } from '../store/results.ts';
import { addMessages, captionLedger, indexWords, messages, takeBackFrom } from '../store/texts.ts';

export interface AskDeps {
  db: ReadDb;
  /** Null where another process holds the library: answers are given, but not kept. */
  writer: WriteDb | null;
  index: () => Lane<IndexLane>;
  generate: (model: Writer) => Lane<GenerateLane>;
  /** The model by this id, else the one that was chosen. Throws AppError('model'). */
  model: (ability: 'caption' | 'ask' | 'chat', id?: string) => Promise<Writer>;
}

/** A model that writes, as far as it matters here. */
export interface Writer {
  id: string;
  dir: string;
  memoryMb: number;
  version: string;
  manifest: { preprocess: Preprocess };
  /** Where this one answers from that one's caption alone, and sees nothing. */
  captioner?: Writer;
}

/** What is asked: a new question, the last one again, or a text in place of the question `edit` (0 is the first). */
export type Asking = Omit<Args<'chat'>, 'photo'>;

interface Subject {
  photoId: number | undefined;
  path: Buffer;
}

/** Captions for models that see nothing: a talk is about one photo, as a rule. */
const rememberedCaptions = 100;

export class Ask {
  readonly #deps: AskDeps;
  /** Conversations about files outside the library, by path: they live as long as the process. */
  readonly #passing = new Map<string, ChatMessage[]>();

  /** What captioners said for models that see nothing, where it is not kept with the photo. */
  readonly #captions = new Map<string, string>();

  constructor(deps: AskDeps) {
    this.#deps = deps;
  }

  async caption(
    { photo, prompt = '', model: id }: Args<'caption'>,
    signal?: AbortSignal,
  ): Promise<CaptionAnswer> {
    const subject = await this.find(photo);
    const model = await this.#deps.model('caption', id);
    const result = await this.#answer(model, subject, { caption: prompt }, signal);
    const { text, confidence } = result;
    const placed = await this.#inPixels(subject, result.boxes);
    const { writer } = this.#deps;
    const { photoId } = subject;
    if (writer && photoId !== undefined)
      writer.transaction(() => {
        saveModelCaption(writer, photoId, { model: model.version, prompt, text, confidence, ...placed });
        indexWords(writer, photoId);
      });
    const told = { ...pathFields(subject.path), caption: text, model: model.version };
    return { ...told, ...placed };
  }

  async ask({ photo, question, model: id }: Args<'ask'>, signal?: AbortSignal): Promise<AskAnswer> {
    const subject = await this.find(photo);
    const model = await this.#deps.model('ask', id);
    const result = await this.#answer(model, subject, { question }, signal);
    const { text, confidence, answers, sureness, gloss, boxes } = result;
    const told = { ...pathFields(subject.path), question, answer: text, model: model.version, confidence };
    const more = { ...(answers && { answers }), ...(sureness && { sureness }) };
    const placed = await this.#inPixels(subject, boxes);
    return { ...told, ...more, ...(gloss !== undefined && { gloss }), ...placed };
  }

  /** Boxes on the upright original, whole pixels; for a model that tells none, nothing. */
  async #inPixels({ path }: Subject, boxes: Grounded[] | undefined): Promise<Pick<CaptionAnswer, 'boxes'>> {
    if (!boxes) return {};
    const { width, height } = await this.read(path, (lane, file) => lane.size({ file }));
    const side = [width, height, width, height];
    const whole = ({ label, box }: Grounded): Grounded => {
      const [left = 0, top = 0, right = 0, bottom = 0] = box.map((part, at) =>
        Math.trunc(part * (side[at] ?? 0)),
      );
      return { label, box: [left, top, right, bottom] };
    };
    return { boxes: boxes.map(whole) };
  }

  /** Streams one answer. Stopped early, what was said so far is kept, as a person expects. */
  async *chat({ photo, ...asking }: Args<'chat'>, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
    const subject = await this.find(photo);
    const { alone = false } = asking;
    const { question, before, replaces } = place(alone ? [] : turns(this.#history(subject)), asking);
    const model = await this.#deps.model('chat', asking.model);
    const asked: ChatMessage = { role: 'user', text: question, model: null, sent: null, createdAt: now() };
    const answer: ChatMessage = {
      role: 'assistant',
      text: '',
      model: model.version,
      sent: null,
      createdAt: asked.createdAt,
    };
    let failed = false;
    let whole = false;
    let droppedTurns = 0;
    let gloss: string | undefined;
    // What a new answer replaces is given up for words only.
    const worthKeeping = (): boolean => whole || answer.text !== '' || replaces === undefined;
    try {
      for await (const event of this.#stream(model, subject, { question, history: before }, signal)) {
        if (event.type === 'done') {
          const { text, sent, answers, sureness, boxes } = event.result;
          const { caption } = event;
          Object.assign(answer, { text, sent }, await this.#inPixels(subject, boxes));
          Object.assign(answer, answers && { answers }, sureness && { sureness }, caption && { caption });
          ({ droppedTurns, gloss } = event.result);
          whole = true;
        } else {
          answer.text += event.text;
          yield event;
        }
      }
    } catch (error) {
      failed = !(error instanceof AppError && error.code === 'aborted' && worthKeeping());
      if (failed) throw error;
    } finally {
      // Also reached when the listener leaves the stream. A question that failed can be asked anew.
      if (!failed && !alone && worthKeeping())
        this.#keep(subject, [asked, Object.assign(answer, { createdAt: now() })], replaces);
    }
    yield { type: 'done', message: answer, droppedTurns, ...(gloss !== undefined && { gloss }) };
  }

  async #answer(model: Writer, subject: Subject, prompt: Prompt, signal?: AbortSignal): Promise<Generated> {
    for await (const event of this.#stream(model, subject, prompt, signal))
      if (event.type === 'done') return event.result;
    throw new AppError('internal', 'The model ended without an answer.');
  }

  async *#stream(
    model: Writer,
    subject: Subject,
    prompt: Prompt,
    signal?: AbortSignal,
  ): AsyncGenerator<GenerateEvent & { caption?: string }> {
    const caption = model.captioner && (await this.#captionBy(model.captioner, subject, signal));
    const given =
      caption === undefined
        ? { look: await this.#look(model, subject), prompt }
        : afterCaption(caption, prompt);
    for await (const event of (await this.#deps.generate(model).get()).generate(given, signal))
      yield { ...event, ...(caption !== undefined && { caption }) };
  }

  /** What the model says of the photo: as it was kept with the photo, else said once for the talk. */
  async #captionBy(model: Writer, subject: Subject, signal?: AbortSignal): Promise<string> {
    const { photoId, path } = subject;
    const ledger = photoId === undefined ? [] : captionLedger(this.#deps.db, photoId);
    const kept = ledger.find(({ model: by, prompt }) => by === model.version && prompt === '');
    if (kept) return kept.text;
    // A file that has changed since is another photo.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    const key = `${model.version} ${mtimeMs} ${path.toString('latin1')}`;
    const said = this.#captions.get(key) ?? (await this.#answer(model, subject, {}, signal)).text;
    this.#captions.set(key, said);
    if (this.#captions.size > rememberedCaptions) this.#captions.delete([...this.#captions.keys()][0] ?? '');
    return said;
  }

  async #look({ manifest: { preprocess } }: Writer, { path }: Subject): Promise<Look> {
    return { pixels: await this.read(path, (lane, file) => lane.pixels({ file, preprocess })) };
  }

  /** What the index lane makes of a photo's file. Throws AppError('unreadable'), naming it. */
  async read<T>(path: Buffer, make: (lane: IndexLane, file: FileToRead) => Promise<T>): Promise<T> {
    const lane = await this.#deps.index().get();
    try {
      return await make(lane, fileAt(path));
    } catch (error) {
      if (error instanceof AppError && error.code === 'unreadable')
        throw new AppError('unreadable', `${pathFields(path).path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** A photo of the library, or any file. Throws AppError('not-found'). */
  async find(ref: PhotoRef): Promise<Subject> {
    const { db } = this.#deps;
    if ('id' in ref) {
      const path = photoPath(db, ref.id);
      if (!path) throw new AppError('not-found', `There is no photo ${ref.id} in the library.`);
      return { photoId: ref.id, path };
    }
    const path = await realpath(ref.path, 'buffer').catch(() => {
      throw new AppError('not-found', `There is no file ${ref.path}. Give the path of a photo.`);
    });
    return { photoId: photoAt(db, path), path };
  }

  #history({ photoId, path }: Subject): ChatMessage[] {
    const passing = this.#passing.get(path.toString('latin1')) ?? [];
    return photoId !== undefined && this.#deps.writer ? messages(this.#deps.db, photoId) : passing;
  }

  /** Adds a turn to the conversation, in place of the question `replaces` and all after it. */
  #keep({ photoId, path }: Subject, added: ChatMessage[], replaces: number | undefined): void {
    const { writer } = this.#deps;
    if (photoId !== undefined && writer) {
      writer.transaction(() => {
        if (replaces !== undefined) takeBackFrom(writer, photoId, replaces);
        addMessages(writer, photoId, added);
      });
      return;
    }
    const key = path.toString('latin1');
    const kept = this.#passing.get(key) ?? [];
    const left = replaces === undefined ? kept : kept.slice(0, replaces * 2); // question and answer each
    this.#passing.set(key, [...left, ...added]);
  }
}

/**
 * The naive pipeline: a caption, then a language model that is told of the photo and never sees it. What the
 * caption leaves out it cannot know, which is what this is here to show.
 */
function afterCaption(caption: string, { question, history }: Prompt): { look: Look; prompt: Prompt } {
  const asked = question ?? 'Describe the photo in one sentence.';
  // With the newest question, since the oldest turns are left out where the context is short.
  const told = `A photo is described as: "${caption}".\n${asked}`;
  return { look: { prefix: new Uint8Array() }, prompt: { question: told, ...(history && { history }) } };
}

interface Place {
  question: string;
  /** What was said before it. */
  before: Turn[];
  /** The question whose place it takes. */
  replaces: number | undefined;
}

function place(history: Turn[], { text, again = false, edit }: Asking): Place {
  const replaces = again ? history.length - 1 : edit;
  const question = again ? history.at(-1)?.question : text?.trim();
  if (!question)
    throw new AppError(
      'bad-request',
      again ? 'There is no question to ask again.' : 'Expected a question, got none.',
    );
  if (replaces !== undefined && replaces >= history.length)
    throw new AppError(
      'bad-request',
      `There is no question ${replaces} to edit; this conversation has ${history.length}, counted from 0.`,
    );
  return { question, before: history.slice(0, replaces), replaces };
}

const now = (): string => new Date().toISOString();

function turns(history: ChatMessage[]): Turn[] {
  return history.flatMap((message, i) => {
    const answer = history[i + 1];
    return message.role === 'user' && answer?.role === 'assistant'
      ? [{ question: message.text, answer: answer.text }]
      : [];
  });
}
