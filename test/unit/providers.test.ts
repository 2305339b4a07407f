/** What models run on: proved first, remembered, demoted when it fails, and within the memory there is. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Lanes, type LaneOptions } from '../../src/main/compute/lanes.ts';
import { faultExitCode, type LaneConfig, type ProbeLane } from '../../src/main/compute/messages.ts';
import type { Child } from '../../src/main/compute/ports.ts';
import type { Lane } from '../../src/main/compute/supervisor.ts';
import type { Model } from '../../src/main/inference/model.ts';
import { guarded, type Probe } from '../../src/main/inference/provider.ts';
import { bestOf, providerChoice, Providers } from '../../src/main/services/providers.ts';
import { openLibrary, type WriteDb } from '../../src/main/store/database.ts';
import { saveSetting } from '../../src/main/store/decisions.ts';
import type { Reply, Request } from '../../src/shared/rpc.ts';

const model = { id: 'clip', dir: '/models/clip', version: 'clip@1', memoryMb: 1, sends: null };
const right = (name: string, imagesPerSecond: number): Probe => ({
  ...{ name, imagesPerSecond, cosine: 1, reason: null },
});
const cpu = right('cpu', 20);

/** A trial's process: gives this, fails with it, or says nothing until it is killed. */
function trial(found: Probe | Error | 'silence'): Lane<ProbeLane> {
  let fail: (error: Error) => void = () => undefined;
  const probe = (): Promise<Probe> => {
    if (found === 'silence') return new Promise((_, reject) => (fail = reject));
    return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
  };
  return {
    get: () => Promise.resolve({ probe, providers: () => Promise.resolve(['webgpu', 'cpu']) }),
    kill: (reason) => fail(new Error(reason)),
    rest: () => false,
    ...{ deaths: 0, busy: false, close: () => Promise.resolve() },
  };
}

interface Tried {
  providers: Providers;
  trials: string[];
  renewed: string[];
}

function trying(webgpu: Probe | Error | 'silence', choice = 'auto', db?: WriteDb): Tried {
  const library = db ?? openLibrary('', 'memory');
  const [trials, renewed]: string[][] = [[], []];
  const probe = (_: object, name: string): Lane<ProbeLane> => {
    trials?.push(name);
    return trial(name === 'cpu' ? cpu : webgpu);
  };
  const onChange = (dir: string): void => void renewed?.push(dir);
  const options = { db: library, writer: library, choice, probe, onChange, trialMs: 30 };
  return { providers: new Providers(options), trials: trials ?? [], renewed: renewed ?? [] };
}

describe('the provider', () => {
  it('is a GPU that was proved right and faster, for later runs too, and the CPU until then', async () => {
    const db = openLibrary('', 'memory');
    const { providers, renewed } = trying(right('webgpu', 200), 'auto', db);
    expect(providers.of(model.dir)).toBe('cpu');
    await Promise.all([providers.settle(model), providers.settle(model)]);
    expect([providers.of(model.dir), providers.demoted, renewed]).toEqual(['webgpu', null, [model.dir]]);
    const later = trying(new Error('unused'), 'auto', db);
    await later.providers.settle(model);
    expect([later.providers.of(model.dir), later.trials]).toEqual(['webgpu', []]);
    expect(await later.providers.prove(model)).toMatchObject([
      { name: 'cpu', used: true },
      { name: 'webgpu', used: false, reason: 'unused' },
    ]);
    expect(later.providers.of(model.dir)).toBe('cpu');
  });

  it.each<[string, Probe | Error | 'silence', RegExp]>([
    ['crashes', new Error('The probe process died (SIGSEGV).'), /SIGSEGV/],
    ['hangs', 'silence', /no answer within/],
    [
      'gives wrong numbers',
      { ...right('webgpu', 900), cosine: 0.5, reason: 'Its results differ.' },
      /differ/,
    ],
  ])('is the CPU where a GPU %s, and who chose the GPU is told why', async (_, found, reason) => {
    const { providers } = trying(found);
    await providers.settle(model);
    expect([providers.of(model.dir), providers.demoted]).toEqual(['cpu', null]);
    const db = openLibrary('', 'memory');
    for (let run = 0; run < 2; run++) {
      const forced = trying(found, 'webgpu', db);
      await forced.providers.settle(model);
      expect(forced.providers.of(model.dir)).toBe('cpu');
      expect(forced.providers.demoted).toMatchObject({ model: 'clip', provider: 'webgpu' });
      expect(forced.providers.demoted?.reason).toMatch(reason);
    }
  });

  it('is as a person chose it, where that is right', () => {
    expect(bestOf([cpu, right('webgpu', 5)], 'auto')).toBe('cpu');
    expect(bestOf([cpu, right('webgpu', 5)], 'webgpu')).toBe('webgpu');
    expect(bestOf([cpu], 'cuda')).toBe('cpu');
    const db = openLibrary('', 'memory');
    expect(() => providerChoice(db, 'gpu')).toThrow(/Expected one of auto, cpu, webgpu.*"gpu"/);
    saveSetting(db, { key: 'provider', value: 'webgpu' });
    expect(providerChoice(db, 'auto')).toBe('auto');
    vi.stubEnv('IRIS_PROVIDER', 'cpu');
    expect(providerChoice(db, undefined)).toBe('cpu');
    vi.stubEnv('IRIS_PROVIDER', undefined);
    expect(providerChoice(db, undefined)).toBe('webgpu');
    saveSetting(db, { key: 'provider', value: 7 });
    expect(providerChoice(db, undefined)).toBe('auto');
    vi.unstubAllEnvs();
  });

  it('is the CPU from the first failure on, and the reason is kept for the page', async () => {
    const { providers, renewed } = trying(right('webgpu', 200));
    await providers.settle(model);
    providers.demote(model, 'webgpu', 'It gave no sign of life for 180 s.');
    expect(providers.of(model.dir)).toBe('cpu');
    expect(providers.demoted).toMatchObject({ model: 'clip', reason: /no sign of life/ });
    expect(renewed).toEqual([model.dir, model.dir]);
    await providers.settle(model);
    expect(providers.of(model.dir)).toBe('cpu');
  });
});

describe('numbers from a GPU', () => {
  const seeing = (embedding: number[], confidence: number): { model: Model; faults: () => number } => {
    let faults = 0;
    const result = { text: '', tokens: [], confidence, sent: '', droppedTurns: 0 };
    const plain = {
      see: () => Promise.resolve([{ embedding: Float32Array.from(embedding) }]),
      generate: () => Promise.resolve(result),
      close: () => Promise.resolve(),
    } as Partial<Model> as Model;
    return { model: guarded(plain, () => (faults += 1)), faults: () => faults };
  };
  it.each([
    [[0.6, 0.8], 0.5, 0],
    [[0.6, NaN], 0.5, 1],
    [[0.6, Infinity], NaN, 2],
  ])('%j and %d are looked at before they are given on', async (embedding, confidence, expected) => {
    const { model, faults } = seeing(embedding, confidence);
    await model.see?.([]);
    await model.generate?.(new Float32Array(), {});
    expect(faults()).toBe(expected);
    expect('embedText' in model).toBe(false);
  });
});

/** Compute processes that only note what they are told, and end as a test wants. */
function processes(): { fork: (entry: string, config: LaneConfig) => Child; all: Started[] } {
  const all: Started[] = [];
  const fork = (_: string, config: LaneConfig): Child => {
    const exits: ((code: number | null, signal: string | null) => void)[] = [];
    const started: Started = {
      config: { ...config },
      asked: [],
      alive: true,
      ...{ die: unused, hear: unused },
    };
    started.die = (code, signal = null) => {
      if (!started.alive) return;
      started.alive = false;
      for (const exit of exits) exit(code, signal);
    };
    all.push(started);
    return {
      send: (message) => void started.asked.push(message),
      onMessage: (listener) => void (started.hear = listener),
      onStderr: () => undefined,
      onExit: (listener) => void exits.push(listener),
      get alive() {
        return started.alive;
      },
      kill: () => started.die(null, 'SIGKILL'),
      end: () => started.die(0),
    };
  };
  return { fork, all };
}

interface Started {
  config: LaneConfig;
  asked: Request[];
  alive: boolean;
  die: (code: number | null, signal?: string | null) => void;
  hear: (reply: Reply) => void;
}

const unused = (): void => undefined;

function lanesWith(options: Partial<LaneOptions>): { lanes: Lanes; all: Started[]; faults: string[] } {
  const { fork, all } = processes();
  const faults: string[] = [];
  const lanes = new Lanes({
    ...{ entry: '', library: '', maxRssMb: 4000, fork, providerOf: () => 'webgpu', inUse: () => true },
    onFault: (model, provider, reason) => faults.push(`${model.id} ${provider}: ${reason}`),
    ...options,
  });
  onTestFinished(() => lanes.close());
  return { lanes, all, faults };
}

const place = (id: string, memoryMb = 100): { id: string; dir: string; memoryMb: number } => ({
  ...{ id, dir: `/models/${id}`, memoryMb },
});
const look = { pixels: new Uint8Array() };

describe('a process on a GPU', () => {
  it.each<[string, 'index' | 'generate', number, (one: Started) => void, RegExp | null]>([
    ['dies', 'generate', 1, (one) => one.die(null, 'SIGSEGV'), /generate process died \(SIGSEGV\)/],
    ['dies once, of a photo perhaps', 'index', 1, (one) => one.die(null, 'SIGABRT'), null],
    ['dies twice', 'index', 2, (one) => one.die(null, 'SIGABRT'), /index process died/],
    ['gives NaN', 'index', 1, (one) => one.die(faultExitCode), /webgpu gave numbers that are none/],
    ['ends for its memory', 'generate', 1, (one) => one.die(86), null],
  ])('that %s (%s) is or is not held against it', async (_, kind, times, end, expected) => {
    const { lanes, all, faults } = lanesWith({});
    for (let time = 0; time < times; time++) {
      await lanes[kind](place('vlm')).get();
      const last = all.at(-1);
      expect(last?.config.provider).toBe('webgpu');
      if (last) end(last);
    }
    expect(faults).toEqual(expected ? [expect.stringMatching(expected)] : []);
  });

  it('that says nothing while an answer is awaited is killed and held against it; text search stays on the CPU', async () => {
    const { lanes, all, faults } = lanesWith({ silenceMs: 20 });
    const client = await lanes.generate(place('vlm')).get();
    await expect(client.score({ look, texts: ['a'] })).rejects.toMatchObject({ code: 'crashed' });
    expect(faults).toEqual([expect.stringMatching(/vlm webgpu: It gave no sign of life/)]);
    expect(all[0]?.alive).toBe(false);
    await lanes.search(place('clip')).get();
    expect(all.at(-1)?.config.provider).toBe('cpu');
  });
});

describe('memory', () => {
  it('refuses a model that this computer cannot hold, before any process starts', async () => {
    const { lanes, all } = lanesWith({ memory: () => ({ totalMb: 8000, freeMb: 6000 }) });
    const large = lanes.generate(place('large', 9000)).get();
    await expect(large).rejects.toThrow(/large needs about 9000 MB of memory, and this computer has 8000 MB/);
    expect(all).toEqual([]);
  });

  it('where it is short, holds one large model at a time, but ends none that is answering', async () => {
    let freeMb = 6000;
    const { lanes, all } = lanesWith({ memory: () => ({ totalMb: 8000, freeMb }) });
    const first = await lanes.generate(place('first', 3000)).get();
    await lanes.index(place('second', 3000)).get();
    await lanes.index(place('small', 100)).get();
    expect(all.map(({ alive }) => alive)).toEqual([true, true, true]);
    freeMb = 1000;
    const answer = first.score({ look, texts: ['a'] });
    void answer.catch(() => undefined); // nobody answers here
    await lanes.generate(place('third', 3000)).get();
    expect(all.map(({ alive }) => alive)).toEqual([true, false, true, true]);
  });

  it('is given back by a large model that rested for long, though it has work', async () => {
    const { lanes, all } = lanesWith({ idleMs: 5 });
    for (const model of [place('large', 3000), place('small', 100)]) {
      const answer = (await lanes.generate(model).get()).score({ look, texts: [] });
      all.at(-1)?.hear({ id: 1, value: null });
      expect(await answer).toBeNull();
    }
    await vi.waitFor(() => expect(all.map(({ alive }) => alive)).toEqual([false, true]));
  });
});
