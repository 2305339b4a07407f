/** Starts compute processes, notices their death, and starts them again with a pause that grows. */
import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import { connect } from '../../shared/rpc.ts';
import { log } from '../lib/log.ts';
import { rssExitCode, type LaneConfig } from './messages.ts';
import { childPort } from './ports.ts';

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

/** How a child is started; Electron's host passes `utilityProcess.fork` in the same shape. */
export type Spawn = (entry: string, config: LaneConfig) => ChildProcess;

export const forkChild: Spawn = (entry, config) =>
  fork(entry, [JSON.stringify(config)], {
    serialization: 'advanced',
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });

export function superviseLane<T extends object>(
  entry: string,
  config: LaneConfig,
  streams: readonly string[],
  spawn: Spawn = forkChild,
): Lane<T> {
  let running: { child: ChildProcess; client: T; since: number } | undefined;
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
    const child = spawn(entry, config);
    const since = performance.now();
    child.stderr?.on('data', (data: Buffer) => log.debug(`${config.lane}: ${data.toString('utf8').trim()}`));
    child.once('exit', (code, signal) => {
      if (running?.child === child) running = undefined;
      if (closed) return;
      deaths += 1;
      pauseMs =
        performance.now() - since > steadyMs
          ? 0
          : Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      log.warn(describe(code, signal));
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
      running?.child.kill('SIGKILL');
    },
    async close() {
      closed = true;
      const child = running?.child;
      if (!child || child.exitCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      if (child.connected) child.disconnect();
      await Promise.race([exited, delay(closeMs).then(() => child.kill('SIGKILL'))]);
    },
  };
}
