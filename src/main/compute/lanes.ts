/** The compute processes: one for each kind of lane and model that is asked for, ended when it is spare. */
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../shared/errors.ts';
import { log } from '../lib/log.ts';
import {
  generateStreams,
  indexStreams,
  searchStreams,
  type BrowseLane,
  type GenerateLane,
  type IndexLane,
  type LaneConfig,
  type ProbeLane,
  type SearchLane,
} from './messages.ts';
import type { Fork } from './ports.ts';
import { superviseLane, type Care, type Idle, type Lane } from './supervisor.ts';

/** What a lane must know of its model. */
export interface ModelPlace {
  id: string;
  dir: string;
  memoryMb: number;
}

/** Megabytes of this computer, or of what it allows this program, and of it what is free. */
export interface Memory {
  totalMb: number;
  freeMb: number;
}

export interface LaneOptions {
  entry: string;
  library: string;
  /** What a process of the model in `dir` runs on. */
  providerOf: (dir: string | null) => string;
  /** A process failed on another provider than the CPU; it is to run on the CPU from now on. */
  onFault: (model: ModelPlace, provider: string, reason: string) => void;
  /** Memory at which a process ends itself, beside its model's own. */
  maxRssMb: number;
  fork?: Fork | undefined;
  /** Whether a model does something now: its processes stay. */
  inUse: (dir: string | null) => boolean;
  idleMs?: number;
  /** See Care. */
  silenceMs?: number;
  memory?: () => Memory;
}

const idleMs = 60_000;
/** From so many megabytes on a model's process also ends when the model has work but rested for long. */
const largeMb = 500;
const largeRests = 10;
/** A death that may have been a photo's doing is not held against a GPU; a second one is. */
const deathsUntilFault = 2;

interface Kept {
  lane: Lane<object>;
  kind: LaneConfig['lane'];
  dir: string | null;
  memoryMb: number;
}

export class Lanes {
  readonly #options: LaneOptions;
  readonly #cores = os.availableParallelism();
  readonly #lanes = new Map<string, Kept>();

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Decodes for every model; embeds for this one. */
  index(model: ModelPlace | null): Lane<IndexLane> {
    return this.#kept('index', model, indexStreams, this.#cores);
  }

  search(model: ModelPlace | null): Lane<SearchLane> {
    return this.#kept('search', model, searchStreams, 1);
  }

  browse(): Lane<BrowseLane> {
    return this.#kept('browse', null, [], 1);
  }

  generate(model: ModelPlace): Lane<GenerateLane> {
    return this.#kept('generate', model, generateStreams, this.#cores);
  }

  /** A process of its own, which the caller closes. */
  probe(model: Pick<ModelPlace, 'dir' | 'memoryMb'> | null, provider: string): Lane<ProbeLane> {
    return this.#start('probe', model, [], this.#cores, () => provider);
  }

  /** Lets the model's processes begin anew at the next call, so that they run on what is used now. */
  renew(dir: string): void {
    for (const { lane, kind } of this.#of(dir)) if (kind !== 'search') lane.rest();
  }

  /** Throws AppError('model') for a model that this computer has not the memory for, whatever else runs. */
  requireMemory({ id, memoryMb }: ModelPlace): void {
    const { totalMb } = this.#memory();
    if (memoryMb <= totalMb) return;
    throw new AppError(
      'model',
      `${id} needs about ${memoryMb} MB of memory, and this computer has ${Math.round(totalMb)} MB. Choose a smaller model: docs/models.md tells which.`,
    );
  }

  /** Whether an answer of this model is awaited. */
  busy(dir: string): boolean {
    return this.#of(dir).some(({ lane }) => lane.busy);
  }

  /** Ends the processes that hold this model's files open. */
  async leave(dir: string): Promise<void> {
    const leaving = this.#of(dir);
    for (const [key, kept] of this.#lanes) if (kept.dir === dir) this.#lanes.delete(key);
    await Promise.all(leaving.map(({ lane }) => lane.close()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(({ lane }) => lane.close()));
  }

  #of(dir: string): Kept[] {
    return [...this.#lanes.values()].filter((kept) => kept.dir === dir);
  }

  #kept<T extends object>(
    kind: LaneConfig['lane'],
    model: ModelPlace | null,
    streams: readonly string[],
    threads: number,
  ): Lane<T> {
    const dir = model?.dir ?? null;
    const key = `${kind} ${dir ?? ''}`;
    const known = this.#lanes.get(key);
    if (known) return known.lane as Lane<T>;
    const memoryMb = model?.memoryMb ?? 0;
    const idle = this.#idle(kind, dir, memoryMb);
    const care = model ? this.#care(kind, model) : {};
    // Few numbers go through a text encoder, and what it gives must be there at once.
    const provider = (): string => (kind === 'search' ? 'cpu' : this.#options.providerOf(dir));
    const lane = this.#start<T>(kind, model, streams, threads, provider, idle, care);
    this.#lanes.set(key, { lane, kind, dir, memoryMb });
    return lane;
  }

  #idle(kind: LaneConfig['lane'], dir: string | null, memoryMb: number): Idle {
    const ms = this.#options.idleMs ?? idleMs;
    const large = kind !== 'search' && memoryMb >= largeMb;
    const spare = (restedMs: number): boolean =>
      kind !== 'browse' && (!this.#options.inUse(dir) || (large && restedMs >= largeRests * ms));
    return { ms, spare };
  }

  #care(kind: LaneConfig['lane'], model: ModelPlace): Care {
    let deaths = 0;
    const { silenceMs } = this.#options;
    return {
      ...(silenceMs !== undefined && { silenceMs }),
      before: () => this.#makeRoom(model),
      onFault: (provider, reason, sure) => {
        deaths += 1;
        // Only the index lane opens files that may be hostile.
        if (provider !== 'cpu' && (sure || kind !== 'index' || deaths >= deathsUntilFault))
          this.#options.onFault(model, provider, reason);
      },
    };
  }

  /** Where memory is short, one large model at a time: others that nobody waits for end, the largest first. */
  async #makeRoom(model: ModelPlace): Promise<void> {
    this.requireMemory(model);
    const short = (): boolean => this.#memory().freeMb < model.memoryMb;
    const others = [...this.#lanes.values()]
      .filter(({ dir, memoryMb }) => dir !== model.dir && memoryMb >= largeMb)
      .sort((a, b) => b.memoryMb - a.memoryMb);
    for (const { lane } of others) {
      if (!short()) return;
      if (lane.rest()) await delay(untilFreedMs);
    }
    if (short())
      log.warn(
        `${model.id} needs about ${model.memoryMb} MB of memory, and ${Math.round(this.#memory().freeMb)} MB are free: it may be slow.`,
      );
  }

  #memory(): Memory {
    return (this.#options.memory ?? memoryNow)();
  }

  #start<T extends object>(
    lane: LaneConfig['lane'],
    model: Pick<ModelPlace, 'dir' | 'memoryMb'> | null,
    streams: readonly string[],
    threads: number,
    provider: () => string,
    idle?: Idle,
    care?: Care,
  ): Lane<T> {
    const { entry, library, maxRssMb, fork } = this.#options;
    const config: LaneConfig = {
      lane,
      library,
      modelDir: model?.dir ?? null,
      get provider() {
        return provider();
      },
      threads,
      maxRssMb: maxRssMb + (model?.memoryMb ?? 0),
    };
    return superviseLane<T>(entry, config, streams, fork, idle, care);
  }
}

/** How long a process takes to end and give its memory back. */
const untilFreedMs = 500;

/** A container may allow less than the computer has. */
function memoryNow(): Memory {
  const allowed = process.constrainedMemory();
  const total = allowed > 0 ? Math.min(allowed, os.totalmem()) : os.totalmem();
  return { totalMb: total / 1e6, freeMb: process.availableMemory() / 1e6 };
}
