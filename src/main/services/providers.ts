/**
 * What the models run on: the CPU, or a GPU provider that was proved to compute the same and to be faster.
 *
 * A candidate is tried in a process of its own, which may die of it, on photos whose results are compared with the
 * CPU's. What was found is remembered for the model, the runtime and the system. One that fails later is demoted
 * until Iris ends: the CPU goes on, and `demoted` says why.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { providerChoices, type Doctor, type LibraryStatus } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import type { ProbeLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import type { Probe } from '../inference/provider.ts';
import { log } from '../lib/log.ts';
import { places } from '../lib/places.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import { provedProvider, saveProvedProvider, settings } from '../store/decisions.ts';

/** A model, as far as it matters here. */
export interface Runs {
  id: string;
  dir: string;
  version: string;
  memoryMb: number;
  /** Null for one that runs here. */
  sends: string | null;
}

export interface ProvidersOptions {
  db: ReadDb;
  writer: WriteDb | null;
  /** `auto`, or the one that a person chose; `cpu` is never in question. */
  choice: string;
  /** A process of its own for each provider. */
  probe: (model: Runs, provider: string) => Lane<ProbeLane>;
  /** Another provider is used for this model now, or none as before: its processes are to begin anew. */
  onChange: (dir: string) => void;
  /** How long one trial may take, whoever waits. */
  trialMs?: number;
}

/** Shaders are compiled and a model is loaded twice in it; a person who asks waits longer than photos that are to be indexed. */
const askedTrialMs = 300_000;
const firstTrialMs = 45_000;

export class Providers {
  /** What was to be used for a model and is not, and why; the last such. */
  demoted: LibraryStatus['demoted'] = null;
  readonly #options: ProvidersOptions;
  #choice: string;
  /** By model folder: what its next process runs on, where that is not the CPU. */
  readonly #used = new Map<string, string>();
  readonly #found = new Map<string, Promise<void>>();

  constructor(options: ProvidersOptions) {
    this.#options = options;
    this.#choice = options.choice;
  }

  /** A person chose another: every model is looked at anew when it is next used. */
  choose(choice: string): void {
    this.#choice = choice;
    this.demoted = null;
    this.#found.clear();
    for (const dir of this.#used.keys()) this.#use(dir, 'cpu');
  }

  /** What a process of the model in `dir` runs on if it starts now. */
  of(dir: string | null): string {
    return this.#used.get(dir ?? '') ?? 'cpu';
  }

  /** Finds out, once, what this model is to run on, where that is in question. Never throws. */
  async settle(model: Runs | null): Promise<void> {
    if (!model || model.sends !== null || this.#choice === 'cpu') return;
    const found = this.#found.get(model.dir) ?? this.#find(model);
    this.#found.set(model.dir, found);
    await found;
  }

  /** Tries all there are on this model, and uses the best from now on. */
  async prove(model: Runs | null): Promise<Doctor['providers']> {
    if (!model || model.sends !== null) return [];
    const tried = await this.#tryAll(model, askedTrialMs);
    this.#found.set(model.dir, Promise.resolve());
    if (this.demoted?.model === model.id) this.demoted = null;
    this.#decide(model, tried);
    const used = this.of(model.dir);
    return tried.map((each) => ({ ...each, used: each.name === used && each.reason === null }));
  }

  /** The provider failed while a model ran on it. */
  demote(model: Pick<Runs, 'id' | 'dir'>, provider: string, reason: string): void {
    if (provider === 'cpu' || this.of(model.dir) === 'cpu') return;
    this.#refuse(model, provider, reason);
    this.#use(model.dir, 'cpu');
  }

  async #find(model: Runs): Promise<void> {
    const known = provedProvider(this.#options.db, model.version, this.#stamp());
    if (!known) {
      this.#decide(model, await this.#tryAll(model, firstTrialMs));
      return;
    }
    const { provider, reason } = known;
    if (reason !== null) this.#refuse(model, this.#choice, reason);
    this.#use(model.dir, provider);
  }

  /** Uses the best of what was tried, and remembers it. */
  #decide(model: Runs, tried: readonly Probe[]): void {
    const { writer } = this.#options;
    const choice = this.#choice;
    const provider = bestOf(tried, choice);
    const chosen = tried.find(({ name }) => name === choice);
    const missed = choice !== 'auto' && provider !== choice;
    const reason = missed ? (chosen?.reason ?? 'This installation does not have it.') : null;
    if (writer) saveProvedProvider(writer, model.version, { stamp: this.#stamp(), provider, reason });
    if (reason !== null) this.#refuse(model, choice, reason);
    this.#use(model.dir, provider);
  }

  #refuse(model: Pick<Runs, 'id'>, provider: string, reason: string): void {
    this.demoted = { model: model.id, provider, reason };
    log.warn(`${model.id} does not run on ${provider}: ${reason} It runs on the CPU.`);
  }

  #use(dir: string, provider: string): void {
    const before = this.of(dir);
    this.#used.set(dir, provider);
    if (before !== provider) this.#options.onChange(dir);
  }

  /** Results hold while these are what they were. A new graphics driver is not among them: "iris doctor" tries again. */
  #stamp(): string {
    return [this.#choice, runtimeVersion(), process.platform, process.arch, os.release()].join(' ');
  }

  async #tryAll(model: Runs, ms: number): Promise<Probe[]> {
    const names = await this.#with(model, 'cpu', ms, (lane) => lane.providers({})).catch(() => ['cpu']);
    const tried: Probe[] = [];
    for (const name of names.toReversed()) tried.push(await this.#try(model, name, ms));
    return tried;
  }

  /** A process that dies or hangs is an answer too. */
  #try(model: Runs, name: string, ms: number): Promise<Probe> {
    return this.#with(model, name, ms, (lane) => lane.probe({})).catch((error: unknown) => ({
      ...{ name, imagesPerSecond: null, cosine: null, reason: reasonOf(error) },
    }));
  }

  async #with<T>(
    model: Runs,
    provider: string,
    most: number,
    use: (client: ProbeLane) => Promise<T>,
  ): Promise<T> {
    const lane = this.#options.probe(model, provider);
    const ms = this.#options.trialMs ?? most;
    const late = setTimeout(() => lane.kill(`It gave no answer within ${Math.round(ms / 1000)} s.`), ms);
    try {
      return await use(await lane.get());
    } finally {
      clearTimeout(late);
      await lane.close();
    }
  }
}

/** What a person chose: for this run, else in the environment, else in the library; `auto` without any. */
export function providerChoice(db: ReadDb, asked = process.env['IRIS_PROVIDER']): string {
  const known = (choice: unknown): string | undefined => providerChoices.find((each) => each === choice);
  const choice = known(asked ?? settings(db).provider ?? 'auto');
  if (choice !== undefined) return choice;
  if (asked === undefined) return 'auto';
  const expected = providerChoices.join(', ');
  throw new AppError('bad-request', `Expected one of ${expected} to run models on, but got "${asked}".`);
}

/** Of the runtime as it is installed; results of a trial hold for it alone. */
function runtimeVersion(): string {
  const text = readFileSync(path.join(places.root, 'package.json'), 'utf8');
  return (
    (JSON.parse(text) as { dependencies: Record<string, string> }).dependencies['onnxruntime-node'] ?? ''
  );
}

/** The fastest of those that compute what the CPU does; a person's own choice where it is one of them. */
export function bestOf(tried: readonly Probe[], choice: string): string {
  const right = tried.filter(({ reason, imagesPerSecond }) => reason === null && imagesPerSecond !== null);
  if (choice !== 'auto') return right.find(({ name }) => name === choice)?.name ?? 'cpu';
  const [fastest] = right.toSorted((a, b) => (b.imagesPerSecond ?? 0) - (a.imagesPerSecond ?? 0));
  return fastest?.name ?? 'cpu';
}
