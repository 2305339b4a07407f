/** The page's one door to the engine: over HTTP in a browser, over a message port in the desktop app. */
import type { Api, Args } from '../../shared/contract.ts';
import { pagePort, portMessage, type Bridge, type Desktop } from '../../shared/desktop.ts';
import { httpClient, streamNames } from '../../shared/http.ts';
import { connect } from '../../shared/rpc.ts';

const bridge = (globalThis as { iris?: Bridge }).iris;

/** What only the desktop app can do; undefined in a browser. */
export const desktop: Desktop | undefined = bridge?.desktop;

/** In a browser the host lets the page in by its cookie. */
const wire: Api = bridge ? connect<Api>(pagePort(arriving(bridge)), streamNames) : httpClient('');

const settings = askedAhead((args: Args<'settings'>) => wire.settings(args));
const photos = askedAhead((args: Args<'photos'>) => wire.photos(args));
const timeline = askedAhead((args: Args<'timeline'>) => wire.timeline(args));

export const api: Api = Object.assign(Object.create(wire) as Api, {
  settings: settings.ask,
  photos: photos.ask,
  timeline: timeline.ask,
});

/** Asks what every page asks first; `photosAtOnce` are those of one answer. */
export function askAhead(photosAtOnce: number): void {
  settings.ahead({});
  photos.ahead({ offset: 0, limit: photosAtOnce });
  timeline.ahead({});
}

interface AskedAhead<A, R> {
  ahead: (args: A) => void;
  ask: (args: A) => Promise<R>;
}

/** A call that may be made before its answer is wanted: the next one takes it where it asks the same. */
function askedAhead<A, R>(call: (args: A) => Promise<R>): AskedAhead<A, R> {
  let known: { question: string; answer: Promise<R> } | undefined;
  return {
    ahead(args) {
      known = { question: JSON.stringify(args), answer: call(args) };
      known.answer.catch(() => undefined); // who asks is told
    },
    ask(args) {
      const answer = known?.question === JSON.stringify(args) ? known.answer : undefined;
      known = undefined;
      return answer ?? call(args);
    },
  };
}

export function thumbnailUrl(photoId: number): string {
  return bridge ? `photo://thumbnail/${photoId}` : `/thumbnail/${photoId}`;
}

/** The photo itself, for looking at closely. */
export function pictureUrl(photoId: number): string {
  return bridge ? `photo://full/${photoId}` : `/photo/${photoId}`;
}

/** Asks for the port and takes it from a message of our own window, and of no other. */
function arriving(from: Bridge): Promise<MessagePort> {
  return new Promise((resolve) => {
    const take = ({ source, origin, data, ports: [port] }: MessageEvent<unknown>): void => {
      if (source !== window || origin !== location.origin || data !== portMessage || !port) return;
      window.removeEventListener('message', take);
      resolve(port);
    };
    window.addEventListener('message', take);
    from.connect();
  });
}
