/** An engine without files, models or database: the contract's behaviour in memory, for host and page tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import type {
  ChatMessage,
  Engine,
  Job,
  LibraryEvent,
  PhotoDetails,
  PhotoRef,
  PhotoSummary,
  SearchHit,
  TextEntry,
} from '../../src/shared/contract.ts';
import { AppError, throwIfAborted } from '../../src/shared/errors.ts';
import { inOrder, passes } from './fake-filter.ts';
import { fakeLibrary } from './fake-library.ts';
import { fakeModels } from './fake-models.ts';
import { fakePages } from './fake-pages.ts';
import { boxesIn, colourOf, finishedJob, pick, runningJob, world, type FakeOptions } from './fake-world.ts';

export interface FakeEngine extends Engine {
  /** The calls that were made, as `method json`. */
  readonly calls: string[];
  /** Calls whose signal was aborted. */
  readonly aborted: string[];
  emit(event: LibraryEvent): void;
}

type Talk = Pick<PhotoDetails, 'id' | 'chat'>;

const answer =
  'This looks like a quiet place, and the light comes from the left. I can see one thing in front and little behind it.';

export function fakeEngine(options: FakeOptions = {}): FakeEngine {
  const { photos, roots, jobs } = world(options);
  const calls: string[] = [];
  const aborted: string[] = [];
  const listeners = new Set<(event: LibraryEvent) => void>();
  const now = (): string => new Date().toISOString();
  const note = (method: string, args: object): void => void calls.push(`${method} ${JSON.stringify(args)}`);

  function find(id: number): PhotoDetails {
    const photo = photos[id - 1];
    if (!photo) throw new AppError('not-found', `There is no photo ${id}.`);
    return photo;
  }
  const refer = (ref: PhotoRef): PhotoDetails => find('id' in ref ? ref.id : 1);
  const emit = (event: LibraryEvent): void => {
    // Who asks for the jobs later hears what listeners heard.
    const at = event.type === 'job' ? jobs.findIndex(({ id }) => id === event.job.id) : -1;
    if (event.type === 'job' && at >= 0) jobs[at] = event.job;
    for (const listener of listeners) listener(event);
  };
  const troubles = options.troubles === true;
  const models = fakeModels({ troubles, two: options.twoModels === true, note, emit });
  const say = (id: number): string => options.hostile?.[id % options.hostile.length] ?? answer;

  /** An answer's words, each after its pause; the signal ends them, and the text so far is kept. */
  async function* words(photo: Talk, model: string, signal?: AbortSignal): AsyncGenerator<string> {
    let text = '';
    const message = (): ChatMessage => ({
      role: 'assistant',
      text,
      model,
      sent: `<system>You see one photo.</system>\n${photo.chat.map((entry) => entry.text).join('\n')}`,
      createdAt: now(),
      ...(model.includes('+') && { caption: 'A dog in the snow.' }),
    });
    try {
      for (const word of say(photo.id).split(/(?<= )/)) {
        await sleep(options.wordMs ?? 10, undefined, signal ? { signal } : {});
        text += word;
        yield word;
      }
    } catch (error) {
      aborted.push(`chat ${photo.id}`);
      throw new AppError('aborted', 'Cancelled.', { cause: error });
    } finally {
      photo.chat.push(message());
    }
  }

  const why = (photo: PhotoSummary, words: string[]): SearchHit['why'] => {
    const inCaption = words.filter((word) => photo.caption?.toLowerCase().includes(word));
    const inName = words.filter((word) => photo.name.toLowerCase().includes(word));
    return [
      ...(inCaption.length > 0 ? [{ kind: 'caption' as const, detail: inCaption.join(' ') }] : []),
      ...(inName.length > 0 ? [{ kind: 'name' as const, detail: inName.join(' ') }] : []),
    ];
  };

  return {
    calls,
    aborted,
    emit,
    status: () =>
      Promise.resolve({
        library: '/library',
        // As in the engine: a file that could not be read is no photo yet.
        photos: photos.filter((photo) => photo.state !== 'failed').length,
        searchable: photos.filter((photo) => photo.state === 'ready').length,
        captioned: photos.filter((photo) => photo.caption !== null).length,
        failed: photos.filter((photo) => photo.state === 'failed').length,
        roots,
        ...models.now(),
        ...{ writable: true, notice: null, demoted: options.demoted ?? null },
      }),
    index(args) {
      note('index', args);
      if (args.samples === true) {
        photos.push(...world({ photos: 14 }).photos);
        roots.push({ id: roots.length + 1, path: '/opt/iris/samples', state: 'online', photos: 14 });
      }
      const job: Job = { ...runningJob, id: 3, total: photos.length, done: 0 };
      setTimeout(() => {
        emit({ type: 'job', job: finishedJob(false) });
        emit({ type: 'photos', count: photos.length });
      }, 50);
      return Promise.resolve(job);
    },
    jobs: () => Promise.resolve(jobs),
    cancel(args) {
      note('cancel', args);
      emit({ type: 'job', job: { ...runningJob, id: args.job, state: 'cancelled' } });
      return Promise.resolve();
    },
    photos(args) {
      note('photos', args);
      const chosen = inOrder(photos, args.sort).filter((photo) => passes(photo, args));
      return Promise.resolve({
        total: chosen.length,
        photos: chosen.slice(args.offset, args.offset + args.limit),
      });
    },
    folders: () =>
      Promise.resolve(
        roots.flatMap((root) => [
          { root: root.id, folder: '', photos: root.photos },
          { root: root.id, folder: 'Summer', photos: Math.floor(root.photos / 2) },
          { root: root.id, folder: 'Summer/Beach', photos: Math.floor(root.photos / 4) },
        ]),
      ),
    photo: (args) => Promise.resolve(structuredClone(find(args.id))),
    async search(args) {
      note('search', args);
      await sleep(options.searchMs?.(args.query) ?? 0);
      const words = args.query.toLowerCase().split(/\s+/).filter(Boolean);
      const asked = photos.filter((photo) => passes(photo, args.filter ?? {}));
      const matches = asked.map((photo): SearchHit => {
        const reasons = why(photo, words);
        const path = photo.files[0]?.path ?? '';
        return { photo, path, score: reasons.length / 2, why: reasons, likely: reasons.length > 0 };
      });
      const likely = matches.filter((hit) => hit.likely);
      if (args.rerank) likely.reverse();
      const looks = [{ kind: 'looks' as const, detail: '0.21' }];
      const weaker = likely.length === 0 ? [] : matches.filter((hit) => !hit.likely).slice(0, 12);
      return {
        query: args.query,
        hits: [...likely, ...weaker.map((hit) => ({ ...hit, why: looks }))].slice(0, args.limit ?? 100),
        searchable: photos.length,
        waiting: 2,
      };
    },
    async caption(args, signal) {
      note('caption', args);
      await sleep(options.wordMs ?? 10);
      throwIfAborted(signal);
      const photo = refer(args.photo);
      if (photo.state === 'failed') throw new AppError('unreadable', 'The photo cannot be read.');
      const caption = options.hostile
        ? say(photo.id)
        : `${args.prompt ?? 'A photo of'} a ${pick(['dog', 'cat'], photo.id)} at rest.`;
      photo.captions.unshift({
        ...{ text: caption, source: 'model' as const },
        model: args.model ?? 'iris-starter',
        prompt: args.prompt ?? null,
        createdAt: now(),
        ...(args.prompt === '<OD>' && { boxes: boxesIn(photo) }),
      });
      return { path: '', caption, model: args.model ?? 'iris-starter' };
    },
    writeCaption(args) {
      note('writeCaption', args);
      const entry: TextEntry = {
        text: args.text,
        source: 'person',
        model: null,
        prompt: null,
        createdAt: now(),
      };
      find(args.id).captions.unshift(entry);
      return Promise.resolve(entry);
    },
    ask: (args) =>
      Promise.resolve({
        path: '',
        question: args.question,
        answer,
        model: 'iris-starter',
        confidence: 0.8,
      }),
    async *chat(args, signal) {
      note('chat', args);
      const known = refer(args.photo);
      // What is asked alone is answered as if nothing had been said, and not kept.
      const photo: Talk = args.alone === true ? { id: known.id, chat: [] } : known;
      if (args.again === true && photo.chat.at(-1)?.role === 'assistant') photo.chat.pop();
      if (args.edit !== undefined) {
        const questions = photo.chat.filter((message) => message.role === 'user');
        photo.chat.splice(photo.chat.indexOf(questions[args.edit] as ChatMessage));
      }
      if (args.text !== undefined)
        photo.chat.push({ role: 'user', text: args.text, model: null, sent: null, createdAt: now() });
      if (args.text === 'fail') throw new AppError('model', 'The model folder is damaged.');
      for await (const text of words(photo, args.model ?? 'iris-starter', signal))
        yield { type: 'delta', text };
      const sureness = { probability: args.again ? 0.24 : 0.8, sure: args.again !== true };
      const more = { sureness, ...(args.again && { answers: [{ text: 'a dog', probability: 0.72 }] }) };
      const message = Object.assign(photo.chat.at(-1) as ChatMessage, more);
      yield { type: 'done', message, droppedTurns: 0 };
    },
    clearChat(args) {
      note('clearChat', args);
      find(args.id).chat = [];
      return Promise.resolve();
    },
    async *events(_args, signal) {
      const queue: LibraryEvent[] = [];
      let wake = (): void => undefined;
      const listener = (event: LibraryEvent): void => {
        queue.push(event);
        wake();
      };
      listeners.add(listener);
      signal?.addEventListener('abort', () => wake());
      try {
        while (!signal?.aborted) {
          const event = queue.shift();
          if (event) yield event;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        listeners.delete(listener);
        aborted.push('events');
      }
    },
    ...fakeLibrary({ photos, note, find, emit }),
    ...fakePages({ photos, roots, jobs, troubles, models: models.models, note, emit }),
    ...models.calls,
    picture(photoId) {
      return this.thumbnail(photoId);
    },
    async thumbnail(photoId) {
      const photo = photos[photoId - 1];
      if (!photo || photo.state !== 'ready') return undefined;
      const size = { width: Math.round((photo.width / photo.height) * 240), height: 240 };
      return sharp({ create: { ...size, channels: 3, background: colourOf(photoId) } })
        .jpeg()
        .toBuffer();
    },
    close: () => Promise.resolve(),
  };
}
