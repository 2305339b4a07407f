/** The page's one door to the engine: over HTTP in a browser, over a message port in the desktop app. */
import type { Api } from '../../shared/contract.ts';
import { pagePort, portMessage, type Bridge, type Desktop } from '../../shared/desktop.ts';
import { httpClient, streamNames } from '../../shared/http.ts';
import { connect } from '../../shared/rpc.ts';

const bridge = (globalThis as { iris?: Bridge }).iris;

/** What only the desktop app can do; undefined in a browser. */
export const desktop: Desktop | undefined = bridge?.desktop;

/** In a browser the host lets the page in by its cookie. */
export const api: Api = bridge ? connect<Api>(pagePort(arriving(bridge)), streamNames) : httpClient('');

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
