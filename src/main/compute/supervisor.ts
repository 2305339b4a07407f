/** Starts compute processes, notices their death, and starts them again with a pause that grows. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import { connect } from '../../shared/rpc.ts';
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
  close(): Promise<void>;
}

export function superviseLane<T extends object>(
  entry: string,
  config: LaneConfig,
  streams: readonly string[],
  fork: Fork = forkChild,
): Lane<T> {
  let running: { child: Child; client: T; since: number } | undefined;
  let starting: Promise<T> | undefined;
  let closed = false;
  let pauseMs = 0;
  let deaths = 0;
  let killReason: string | undefined;

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
      if (running?.child === child) running = undefined;
      if (closed) return;
      deaths += 1;
      pauseMs =
        performance.now() - since > steadyMs
          ? 0
          : Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      log.warn(error?.message ?? describe(code, signal));
    });
    const client = connect<T>(childPort(child, describe), streams);
    running = { child, client, since };
    return client;
  }

  return {
    get deaths() {
      return deaths;
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
      const child = running?.child;
      if (!child?.alive) return;
      const exited = new Promise<void>((resolve) => child.onExit(() => resolve()));
      child.end();
      await Promise.race([exited, delay(closeMs).then(() => child.kill())]);
    },
  };
}
