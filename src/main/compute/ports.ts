/** Message ports of compute processes: the same two ends under Node's fork and Electron's utilityProcess. */
import type { ChildProcess } from 'node:child_process';
import type { Port, Reply, Request } from '../../shared/rpc.ts';

/** Electron's `process.parentPort`, in a utility process. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

/** The child's end. A parent that is gone ends the child: nobody is left to work for. */
export function connectParent(): Port<Request, Reply> {
  const parentPort = (process as { parentPort?: ParentPort }).parentPort;
  process.on('disconnect', () => process.exit(0));
  return {
    send(message) {
      if (parentPort) parentPort.postMessage(message);
      else if (process.connected) process.send?.(message);
    },
    onMessage(listener) {
      if (parentPort) parentPort.on('message', (event) => listener(event.data as Request));
      else process.on('message', (message) => listener(message as Request));
    },
    onClose: () => undefined,
  };
}

/** The parent's end of a forked child. */
export function childPort(
  child: ChildProcess,
  describeExit: (code: number | null, signal: string | null) => string,
): Port<Reply, Request> {
  return {
    send(message) {
      if (child.connected) child.send(message);
    },
    onMessage: (listener) => void child.on('message', (message) => listener(message as Reply)),
    onClose(listener) {
      child.once('exit', (code, signal) => listener(describeExit(code, signal)));
      child.once('error', (error) => listener(error.message));
    },
  };
}
