/** Message ports of compute processes: the same two ends under Node's fork and Electron's utilityProcess. */
import { fork } from 'node:child_process';
import type { Port, Reply, Request } from '../../shared/rpc.ts';
import type { LaneConfig } from './messages.ts';

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

/** A compute process as its supervisor holds it, whichever way it was started. */
export interface Child {
  /** Does nothing once the process is gone. */
  send(message: Request): void;
  onMessage(listener: (message: Reply) => void): void;
  onStderr(listener: (text: string) => void): void;
  /** Called once; a process that cannot be started tells its `error` instead of an exit. */
  onExit(listener: (code: number | null, signal: string | null, error?: Error) => void): void;
  readonly alive: boolean;
  /** Ends the process at once, whatever it does. */
  kill(): void;
  /** Asks the process to end. */
  end(): void;
}

/** How a child is started: Node's fork, or in the desktop app Electron's `utilityProcess.fork`. */
export type Fork = (entry: string, config: LaneConfig) => Child;

/** The environment of every compute process. */
export function childEnv(): NodeJS.ProcessEnv {
  return { ...process.env, ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' };
}

export const forkChild: Fork = (entry, config) => {
  const child = fork(entry, [JSON.stringify(config)], {
    serialization: 'advanced',
    env: childEnv(),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  return {
    send(message) {
      if (child.connected) child.send(message);
    },
    onMessage: (listener) => void child.on('message', (message) => listener(message as Reply)),
    onStderr: (listener) => void child.stderr?.on('data', (data: Buffer) => listener(data.toString('utf8'))),
    onExit(listener) {
      let told = false;
      const tell: typeof listener = (...how) => {
        if (!told) listener(...how);
        told = true;
      };
      child.once('exit', (code, signal) => tell(code, signal));
      child.once('error', (error) => tell(null, null, error));
    },
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    kill: () => void child.kill('SIGKILL'),
    end() {
      if (child.connected) child.disconnect();
    },
  };
};

/** The parent's end of a child. */
export function childPort(
  child: Child,
  describeExit: (code: number | null, signal: string | null) => string,
): Port<Reply, Request> {
  return {
    send: (message) => child.send(message),
    onMessage: (listener) => child.onMessage(listener),
    onClose: (listener) =>
      child.onExit((code, signal, error) => listener(error?.message ?? describeExit(code, signal))),
  };
}
