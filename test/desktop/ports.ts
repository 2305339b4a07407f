/** Node's message ports in the shapes that Electron and a page give them. */
import type { MessagePort } from 'node:worker_threads';
import type { MainPort } from '../../src/main/electron/ipc.ts';

/** Node's port in the shape of Electron's, whose messages are events and wait for `start`. */
export function asMainPort(port: MessagePort): MainPort {
  return {
    postMessage: (message) => port.postMessage(message),
    on: (_, listener) => port.on('message', (data: unknown) => listener({ data })),
    once: (event, listener) => port.once(event, listener),
    start: () => port.start(),
  };
}
