/** The compute processes: one for each kind of lane and model that is asked for, ended when it is spare. */
import os from 'node:os';
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
import { superviseLane, type Idle, type Lane } from './supervisor.ts';

/** What a lane must know of its model. */
export interface ModelPlace {
  dir: string;
  memoryMb: number;
}

export interface LaneOptions {
  entry: string;
  library: string;
  provider: string;
  /** Memory at which a process ends itself, beside its model's own. */
  maxRssMb: number;
  fork?: Fork | undefined;
  /** Whether a model does something now: its processes stay. */
  inUse: (dir: string | null) => boolean;
  idleMs?: number;
}

const idleMs = 60_000;

interface Kept {
  lane: Lane<object>;
  dir: string | null;
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
  probe(model: ModelPlace | null, provider: string): Lane<ProbeLane> {
    return this.#start('probe', model, [], this.#cores, provider);
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
    const idle = {
      ms: this.#options.idleMs ?? idleMs,
      spare: () => kind !== 'browse' && !this.#options.inUse(dir),
    };
    const lane = this.#start<T>(kind, model, streams, threads, this.#options.provider, idle);
    this.#lanes.set(key, { lane, dir });
    return lane;
  }

  #start<T extends object>(
    lane: LaneConfig['lane'],
    model: ModelPlace | null,
    streams: readonly string[],
    threads: number,
    provider: string,
    idle?: Idle,
  ): Lane<T> {
    const { entry, library, maxRssMb, fork } = this.#options;
    const config: LaneConfig = {
      lane,
      library,
      modelDir: model?.dir ?? null,
      provider,
      threads,
      maxRssMb: maxRssMb + (model?.memoryMb ?? 0),
    };
    return superviseLane<T>(entry, config, streams, fork, idle);
  }
}
