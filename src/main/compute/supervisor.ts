/** Starts compute processes, notices their death, and starts them again with a pause that grows. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import { connect, type Port, type Reply, type Request } from '../../shared/rpc.ts';
import { log } from '../lib/log.ts';
import { rssExitCode, type LaneConfig } from './messages.ts';
import { childPort, forkChild, type Child, type Fork } from './ports.ts';

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A process that lived this long has earned a restart without a pause. */
const steadyMs = 30_000;
const closeMs = 2_000;

export interface Lane<T> {
  /** The lane's methods, starting its process if none runs. */
  get(): Promise<T>;
  /** Ends the process at once, because of `reason`; calls under way fail with `crashed`. */
  kill(reason: string): void;
  /** Deaths that nobody asked for, since the start. */
  readonly deaths: number;
  /** Whether an answer is awaited of it. */
  readonly busy: boolean;
  close(): Promise<void>;
}

/** A process that nobody wants any more need not hold its model in memory. */
export interface Idle {
  /** How long nothing must have been asked of it. */
  ms: number;
  /** Whether it may end then. */
  spare(): boolean;
}

const never: Idle = { ms: Infinity, spare: () => false };

export function superviseLane<T extends object>(
  entry: string,
  config: LaneConfig,
  streams: readonly string[],
  fork: Fork = forkChild,
  idle: Idle = never,
): Lane<T> {
  let running: { child: Child; client: T; port: CountingPort; since: number } | undefined;
  let starting: Promise<T> | undefined;
  let closed = false;
  let pauseMs = 0;
  let deaths = 0;
  let killReason: string | undefined;
  let resting: NodeJS.Timeout | undefined;

  function describe(code: number | null, signal: string | null): string {
    if (killReason) return killReason;
    if (code === rssExitCode) return `It needed more than ${config.maxRssMb} MB of memory.`;
    return `The ${config.lane} process died (${signal ?? `exit code ${code ?? 'unknown'}`}).`;
  }

  async function start(): Promise<T> {
    if (pauseMs > 0) await delay(pauseMs);
    if (closed) throw new AppError('crashed', 'Iris is closing.');
    killReason = undefined;
    const child = fork(entry, config);
    const since = performance.now();
    child.onStderr((text) => log.debug(`${config.lane}: ${text.trim()}`));
    child.onExit((code, signal, error) => {
      const ours = running?.child === child;
      if (ours) running = undefined;
      if (closed || !ours) return;
      deaths += 1;
      pauseMs =
        performance.now() - since > steadyMs
          ? 0
          : Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      log.warn(error?.message ?? describe(code, signal));
    });
    const port = counting(childPort(child, describe), () => restUnless(child));
    const client = connect<T>(port, streams);
    running = { child, client, port, since };
    return client;
  }

  /** Ends the process when it has been idle for long enough; the next call starts it again. */
  function restUnless(child: Child): void {
    clearTimeout(resting);
    if (closed || idle.ms === Infinity) return;
    resting = setTimeout(() => {
      if (running?.child !== child || running.port.waiting > 0) return;
      if (idle.spare()) {
        running = undefined;
        child.end();
      } else restUnless(child);
    }, idle.ms).unref();
  }

  return {
    get deaths() {
      return deaths;
    },
    get busy() {
      return (running?.port.waiting ?? 0) > 0;
    },
    get() {
      if (running) return Promise.resolve(running.client);
      starting ??= start().finally(() => (starting = undefined));
      return starting;
    },
    kill(reason) {
      killReason = reason;
      running?.child.kill();
    },
    async close() {
      closed = true;
      clearTimeout(resting);
      const child = running?.child;
      if (!child?.alive) return;
      const exited = new Promise<void>((resolve) => child.onExit(() => resolve()));
      child.end();
      // The timer alone must not keep the program from ending.
      await Promise.race([exited, delay(closeMs, undefined, { ref: false }).then(() => child.kill())]);
    },
  };
}

interface CountingPort extends Port<Reply, Request> {
  /** Requests whose last reply has not come. */
  readonly waiting: number;
}

/** Tells when there is nothing more to wait for. */
function counting(port: Port<Reply, Request>, onIdle: () => void): CountingPort {
  const open = new Set<number>();
  return {
    get waiting() {
      return open.size;
    },
    send(message) {
      if ('method' in message) open.add(message.id);
      port.send(message);
    },
    onMessage: (listener) =>
      port.onMessage((message) => {
        if (!('chunk' in message)) open.delete(message.id);
        if (open.size === 0) onIdle();
        listener(message);
      }),
    onClose: (listener) => port.onClose(listener),
  };
}
