/** Starts compute processes, notices their death, and starts them again with a pause that grows. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import { connect, type Port, type Reply, type Request } from '../../shared/rpc.ts';
import { log } from '../lib/log.ts';
import { faultExitCode, rssExitCode, type LaneConfig } from './messages.ts';
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
  /** Ends the process, unless an answer is awaited of it; the next call starts another. Tells whether it did. */
  rest(): boolean;
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
  /** Whether it may end, when nothing was asked of it for `restedMs`. */
  spare(restedMs: number): boolean;
}

const never: Idle = { ms: Infinity, spare: () => false };

/** What concerns a lane whose model is large, or runs on a GPU. */
export interface Care {
  /** Awaited before a process starts; an error is the caller's. */
  before?: () => Promise<void>;
  /** A process on `provider` died of itself, gave numbers that are none, or said nothing for too long. */
  onFault?: (provider: string, reason: string, sure: boolean) => void;
  /** So long nothing may come from a process on a GPU while an answer is awaited. */
  silenceMs?: number;
}

/** One pass of a GPU takes seconds; compiling its shaders for the first time may take a minute. */
const silenceMs = 180_000;

export function superviseLane<T extends object>(
  entry: string,
  config: LaneConfig,
  streams: readonly string[],
  fork: Fork = forkChild,
  idle: Idle = never,
  care: Care = {},
): Lane<T> {
  let running: { child: Child; client: T; port: CountingPort; since: number } | undefined;
  let starting: Promise<T> | undefined;
  let closed = false;
  let pauseMs = 0;
  let deaths = 0;
  let killReason: string | undefined;
  let resting: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  let silent: boolean | undefined;

  function describe(code: number | null, signal: string | null): string {
    if (killReason) return killReason;
    if (code === faultExitCode) return `${config.provider} gave numbers that are none (NaN).`;
    if (code === rssExitCode) return `It needed more than ${config.maxRssMb} MB of memory.`;
    return `The ${config.lane} process died (${signal ?? `exit code ${code ?? 'unknown'}`}).`;
  }

  async function start(): Promise<T> {
    if (pauseMs > 0) await delay(pauseMs);
    await care.before?.();
    if (closed) throw new AppError('crashed', 'Iris is closing.');
    killReason = undefined;
    silent = undefined;
    const told = { ...config }; // the provider is that of this moment
    const child = fork(entry, told);
    const since = performance.now();
    child.onStderr((text) => log.debug(`${config.lane}: ${text.trim()}`));
    child.onExit((code, signal, error) => {
      const ours = running?.child === child;
      if (ours) running = undefined;
      clearTimeout(silence);
      if (closed || !ours) return;
      deaths += 1;
      // Who was killed for the file it read, or for its memory, is not to blame on a GPU.
      if ((killReason === undefined && code !== rssExitCode) || silent)
        care.onFault?.(told.provider, describe(code, signal), code === faultExitCode || silent === true);
      pauseMs =
        performance.now() - since > steadyMs
          ? 0
          : Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      log.warn(error?.message ?? describe(code, signal));
    });
    const hear = told.provider === 'cpu' ? () => undefined : () => listenFor(child);
    const port = counting(childPort(child, describe), () => restUnless(child), hear);
    const client = connect<T>(port, streams);
    running = { child, client, port, since };
    return client;
  }

  /** Ends the process when it has been idle for long enough; the next call starts it again. */
  function restUnless(child: Child, restedMs = idle.ms): void {
    clearTimeout(resting);
    if (closed || idle.ms === Infinity) return;
    resting = setTimeout(() => {
      if (running?.child !== child || running.port.waiting > 0) return;
      if (idle.spare(restedMs)) end(child);
      else restUnless(child, restedMs + idle.ms);
    }, idle.ms).unref();
  }

  function end(child: Child): void {
    running = undefined;
    clearTimeout(silence);
    child.end();
  }

  /** A GPU that hangs holds its thread: nothing comes any more, however long somebody waits. */
  function listenFor(child: Child): void {
    clearTimeout(silence);
    silence = setTimeout(() => {
      if (running?.child !== child || running.port.waiting === 0) return;
      silent = true;
      killReason = `It gave no sign of life for ${Math.round((care.silenceMs ?? silenceMs) / 1000)} s.`;
      child.kill();
    }, care.silenceMs ?? silenceMs).unref();
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
    rest() {
      if (!running || running.port.waiting > 0) return false;
      end(running.child);
      return true;
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

/** Tells when there is nothing more to wait for, and of every message either way. */
function counting(port: Port<Reply, Request>, onIdle: () => void, onMessage: () => void): CountingPort {
  const open = new Set<number>();
  return {
    get waiting() {
      return open.size;
    },
    send(message) {
      if ('method' in message) open.add(message.id);
      onMessage();
      port.send(message);
    },
    onMessage: (listener) =>
      port.onMessage((message) => {
        if (!('chunk' in message)) open.delete(message.id);
        if (open.size === 0) onIdle();
        onMessage();
        listener(message);
      }),
    onClose: (listener) => port.onClose(listener),
  };
}
