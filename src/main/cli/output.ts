/** What the terminal shows: JSON for programs on standard output, progress and warnings on standard error. */
import process from 'node:process';
import readline from 'node:readline';
import { Writable } from 'node:stream';
import type { Engine, Job, Sureness } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { createEngine, type EngineOptions } from '../engine.ts';
import { log } from '../lib/log.ts';
import { duration, megabytes } from '../lib/progress.ts';

/** Options that every command has. */
export interface Common extends Pick<EngineOptions, 'fork' | 'hub' | 'provider' | 'watchMs'> {
  library: string;
  json?: true;
}

/** Options of commands in which a model writes. */
export interface Writing extends Common {
  model?: string;
}

export const modelOf = ({ model }: Writing): { model?: string } => (model === undefined ? {} : { model });

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Where a model that reads English only was asked in Chinese. */
export function sayGloss(gloss: string | undefined): void {
  if (gloss !== undefined) say(`iris: This model reads English. It was given, word by word: ${gloss}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** One line that is typed without being shown, or comes through a pipe: as an argument, every program would see it. */
export async function readSecret(question: string): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (process.stdin.isTTY) process.stderr.write(question);
  const input = readline.createInterface({
    ...{ input: process.stdin, output: unseen, terminal: process.stdin.isTTY },
  });
  try {
    for await (const line of input) return line.trim();
    return '';
  } finally {
    input.close();
    if (process.stdin.isTTY) process.stderr.write('\n');
  }
}

/** Opens the library, uses it and closes it whatever happens, also at Ctrl-C. */
export async function withEngine<T>(
  options: Common,
  access: EngineOptions['access'],
  holder: string,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await createEngine({
    library: options.library,
    access,
    holder,
    ...(options.provider !== undefined && { provider: options.provider }),
    ...(options.fork && { fork: options.fork }),
    ...(options.hub !== undefined && { hub: options.hub }),
    ...(options.watchMs !== undefined && { watchMs: options.watchMs }),
  });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** For commands that can answer without keeping: another holder of the library only costs the memory. */
export async function withAnyEngine<T>(
  options: Common,
  holder: string,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  try {
    return await withEngine(options, 'write', holder, use);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'busy')) throw error;
    log.warn(`${error.message} Going on without keeping answers.`);
    return await withEngine(options, 'read', holder, use);
  }
}

const phases: Record<Job['phase'], string> = {
  scan: 'Looking',
  index: 'Reading',
  caption: 'Describing',
  export: 'Writing',
  copy: 'Copying',
  download: 'Downloading',
  match: 'Looking closer',
  finished: 'Done',
};

/** One line that is rewritten in a terminal, and printed now and then into a file. */
export class ProgressLine {
  readonly #live = process.stderr.isTTY;
  #lastPrinted = 0;
  #phase: Job['phase'] | undefined;

  show(job: Job): void {
    const changed = this.#phase !== job.phase;
    const now = performance.now();
    if (!this.#live && !changed && now - this.#lastPrinted < 5000) return;
    if (this.#live && changed && this.#phase) process.stderr.write('\n');
    this.#phase = job.phase;
    this.#lastPrinted = now;
    if (job.phase === 'finished') return;
    process.stderr.write(this.#live ? `\r\x1b[K${lineOf(job)}` : `${lineOf(job)}\n`);
  }
}

function lineOf(job: Job): string {
  if (job.phase === 'scan') return `${phases.scan}  ${job.done.toLocaleString('en')} files`;
  const inBytes = job.phase === 'copy' || job.phase === 'download';
  const count = inBytes ? megabytes : (photos: number): string => photos.toLocaleString('en');
  const parts = [
    `${phases[job.phase]}  ${count(job.done)} of ${count(job.total)}${inBytes ? '' : ' photos'}`,
  ];
  if (job.rate > 0) parts.push(`${inBytes ? megabytes(job.rate) : job.rate.toFixed(1)} a second`);
  if (job.secondsLeft !== null && job.done > 0) parts.push(`${duration(job.secondsLeft)} left`);
  return parts.join(', ');
}

/** What is put after an answer that is only a guess, where the model knows that of itself. */
export function unsure(sureness: Sureness | undefined): string {
  if (sureness === undefined || sureness.sure) return '';
  return ` (not sure: ${Math.round(sureness.probability * 100)} in 100 such answers are right)`;
}
