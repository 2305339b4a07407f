/** Downloading a model: every fault of a hub ends in a whole model or in an error that says what to do, and nothing half. */
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HUB_URL } from '@huggingface/hub';
import { openHub, publicHub, type Hub } from '../../src/main/lib/hub-calls.ts';
import type { KnownModel } from '../../src/main/lib/known-models.ts';
import { download, type Downloaded, type Downloading } from '../../src/main/services/downloads.ts';
import { AppError } from '../../src/shared/errors.ts';
import { refusals, vision } from './hub-faults.ts';
import { commit, mockHub, sha256, type Fault, type MockHub } from './mock-hub.ts';

const weights = Buffer.alloc(50_000, 'weights of the vision side, ');
const beside = Buffer.alloc(30_000, 'weights beside the text side, ');
const files = new Map<string, Buffer>([
  ['config.json', Buffer.from('{"model_type":"clip"}')],
  ['LICENSE', Buffer.from('Permission is hereby granted')],
  ['README.md', Buffer.from('license: mit')],
  ['notes.txt', Buffer.from('not asked for')],
  ['onnx/text_model.onnx', Buffer.alloc(2000, 'graph')],
  ['onnx/text_model.onnx_data', beside],
  ['onnx/vision_model.onnx', weights],
  ['onnx/vision_model_fp16.onnx', Buffer.alloc(1500, 'not asked for')],
]);
const all = 50_000 + 30_000 + 2000 + 21 + 28 + 12;
const taken = [...files.keys()].filter((name) => !/notes|fp16/.test(name));
const known: KnownModel = {
  ...{ id: 'clip', name: 'CLIP', can: ['search'], license: 'MIT', memoryMb: 1, bytes: 84_000, unseen: [] },
  ...{ does: { en: '', zh: '' }, suits: { en: '', zh: '' }, repository: 'somebody/clip' },
  files: ['config.json', 'onnx/text_model.onnx', vision],
  optional: ['preprocessor_config.json'],
};

interface World {
  mock: MockHub;
  hub: Hub;
  /** Where models go. */
  into: string;
  /** The times it was asked to wait, in ms. */
  waits: number[];
  /** Bytes done, as they were told. */
  told: number[];
  get: (changes?: Partial<Downloading>, model?: KnownModel) => Promise<Downloaded>;
}

async function open(held: ReadonlyMap<string, Buffer> = files): Promise<World> {
  const mock = await mockHub(known.repository, held);
  const into = await mkdtemp(path.join(tmpdir(), 'iris-download-'));
  onTestFinished(async () => {
    await mock.close();
    await rm(into, { recursive: true, force: true });
  });
  const waits: number[] = [];
  const told: number[] = [];
  const wait: Hub['wait'] = (ms) => Promise.resolve(void waits.push(ms));
  const hub = { ...openHub(mock.address), stallMs: 200, wait };
  const progress: Downloading['progress'] = {
    phase: () => undefined,
    done: (bytes) => void told.push(bytes),
    pass: () => Promise.resolve(),
  };
  const { signal } = new AbortController();
  const requireRoom = (): Promise<void> => Promise.resolve();
  const get: World['get'] = (changes, model = known) =>
    download(model, { hub, into, requireRoom, progress, signal, ...changes });
  return { mock, hub, into, waits, told, get };
}

async function expectWhole({ folder, hashes }: Downloaded): Promise<void> {
  expect([...hashes.keys()].sort()).toEqual([...taken].sort());
  for (const name of taken) {
    const bytes = await readFile(path.join(folder, name));
    expect(bytes.equals(files.get(name) ?? Buffer.of())).toBe(true);
    expect(hashes.get(name)).toBe(sha256(bytes));
    expect(existsSync(path.join(folder, `${name}.part`))).toBe(false);
  }
}

/** What the files' host was asked for since `from`: the parts, and '' for a whole file. */
const parts = ({ asked }: MockHub, from = 0): string[] =>
  asked.slice(from).flatMap(({ line, range }) => (line.startsWith('files') ? [range ?? ''] : []));

const patient = { timeout: 30_000 };

describe('a download', () => {
  it('takes what the catalogue lists, weights beside it and the licence, from a list in pages', async () => {
    const { mock, told, get, into } = await open();
    const got = await get();
    await expectWhole(got);
    expect(got.source).toBe(`${mock.address}/somebody/clip/tree/${commit}`);
    expect(path.relative(into, got.folder)).toBe('.clip.download'); // hidden: no model yet
    expect(told.at(-1)).toBe(all);
    const lines = mock.asked.map(({ line }) => line);
    expect(lines.filter((line) => line.includes('/tree/')).length).toBeGreaterThan(2);
    expect(lines.filter((line) => /notes|fp16/.test(line))).toEqual([]);
  });

  it('gives a key to the hub alone', async () => {
    const { mock, hub, get } = await open();
    await get({ hub: { ...hub, key: 'hf_secret' } });
    const keys = (host: string): unknown[] =>
      mock.asked.filter(({ line }) => line.startsWith(host)).map(({ authorization }) => authorization);
    expect(new Set(keys('hub'))).toEqual(new Set(['Bearer hf_secret']));
    expect(new Set(keys('files'))).toEqual(new Set([undefined]));
    mock.next = mock.address.replace('127.0.0.1', 'localhost'); // the list goes on at another host
    const before = mock.asked.length;
    await expect(get({ hub: { ...hub, key: 'hf_secret' } })).rejects.toThrow(/sends to http:\/\/localhost/);
    expect(mock.asked.slice(before).filter(({ line }) => line.includes('cursor'))).toEqual([]);
  });

  it.each<[string, Fault[], { ranges?: string[]; waits?: number[] }]>([
    ['is asked to wait', [{ status: 429, retryAfter: '7' }], { waits: [7000] }],
    ['meets a hub that is down for a moment', [{ status: 503 }], { waits: [1000] }],
    ['is cut twice', [{ cut: 20_000 }, { cut: 10_000 }], {}],
    ['is cut before the first byte', [{ cut: 0 }], { waits: [1000] }],
    ['ends early as if it were whole', [{ short: 49_999 }], { ranges: ['bytes=49999-'] }],
    ['stands still', [{ stall: 5000 }], {}],
    [
      'ends early at a hub that gives no parts',
      [{ short: 20_000 }, { ignoreRange: true }],
      { ranges: ['bytes=20000-'] },
    ],
  ])('that %s comes whole', async (_, faults, expected) => {
    const { mock, get, waits, told } = await open();
    mock.faults.set(vision, faults);
    await expectWhole(await get());
    expect(told.at(-1)).toBe(all);
    expect(mock.faults.get(vision)).toEqual([]);
    if (expected.ranges) expect(parts(mock).filter((range) => range !== '')).toEqual(expected.ranges);
    if (expected.waits) expect(waits).toEqual(expected.waits);
  });

  async function expectRefusal({ get, into }: World, message: RegExp): Promise<void> {
    const failure = await get().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AppError);
    expect((failure as AppError).message).toMatch(message);
    expect((await readdir(into)).filter((name) => name !== '.clip.download')).toEqual([]);
  }

  it.each(refusals)('of %s is refused by name, and leaves no model: %s', async (_, file, faults, message) => {
    const world = await open();
    world.mock.faults.set(file, faults);
    await expectRefusal(world, message);
    expect(existsSync(path.join(world.into, '.clip.download', file))).toBe(false);
  });

  it.each<[string, MockHub['edit'], RegExp]>([
    [
      'without a file of the catalogue',
      (entry) => ({ ...entry, path: `moved/${String(entry['path'])}` }),
      /somebody\/clip at http.* has no config\.json/,
    ],
    [
      'without hashes',
      ({ type, path, size }) => ({ type, path, size }),
      /gives no hash for .* of somebody\/clip/,
    ],
    [
      'that is none',
      () => ({ error: 'a page for people' }),
      /answers for the list of somebody\/clip as no hub does/,
    ],
  ])('by a list %s is refused', async (_, edit, message) => {
    const world = await open();
    world.mock.edit = edit;
    await expectRefusal(world, message);
  });

  it('goes on where an earlier one was cancelled, and looks again at what that one left', async () => {
    const { mock, hub, get, into } = await open();
    const stop = new AbortController();
    mock.faults.set(vision, [{ stall: 20_000 }]);
    const cancelled = get({ signal: stop.signal, hub: { ...hub, stallMs: 60_000 } });
    const part = path.join(into, '.clip.download', `${vision}.part`);
    await expect.poll(() => statSync(part, { throwIfNoEntry: false })?.size, patient).toBe(20_000);
    await expect.poll(() => existsSync(path.join(into, '.clip.download', 'config.json')), patient).toBe(true);
    stop.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'aborted' });
    expect(statSync(part).size).toBe(20_000);
    const before = mock.asked.length;
    await expectWhole(await get());
    expect(parts(mock, before)).toEqual(['bytes=20000-']);
    expect(mock.asked.slice(before).filter(({ line }) => line.includes('config.json'))).toEqual([]);
  });

  it('fetches anew what has gone bad on the disk, and drops what is of another commit', async () => {
    const { mock, get, into } = await open();
    const { folder } = await get();
    await writeFile(path.join(folder, vision), Buffer.alloc(50_000, 'something else'));
    await writeFile(path.join(folder, 'onnx/text_model.onnx_data'), beside.subarray(0, 400));
    const before = mock.asked.length;
    await expectWhole(await get());
    expect(parts(mock, before).sort()).toEqual(['', 'bytes=400-']);
    await writeFile(path.join(folder, 'download.json'), '{"repository":"somebody/clip","commit":"older"}');
    await writeFile(path.join(folder, 'left.over'), '');
    await expectWhole(await get());
    expect(existsSync(path.join(into, '.clip.download', 'left.over'))).toBe(false);
  });

  it('asks for room for what is not here yet, before the first file', async () => {
    const { mock, get } = await open();
    const requireRoom = (bytes: number): Promise<void> =>
      Promise.reject(new AppError('full', `needs ${bytes}`));
    await expect(get({ requireRoom })).rejects.toThrow(`needs ${all}`);
    expect(mock.asked.filter(({ line }) => line.includes('/resolve/'))).toEqual([]);
  });

  it('looks at the settings before it fetches what is large', async () => {
    const { mock, get } = await open(
      new Map([...files, ['config.json', Buffer.from('{"model_type":"rwkv"}')], [vision, Buffer.alloc(1e6)]]),
    );
    await expect(get()).rejects.toThrow(/config\.json.*model_type.*rwkv/);
    expect(mock.asked.filter(({ line }) => line.includes('vision_model'))).toEqual([]);
  });

  it('refuses a model that Iris cannot run, and asks nobody', async () => {
    const { mock, get } = await open();
    const cannot = { en: 'Iris has no family for it yet.', zh: '' };
    await expect(get({}, { ...known, cannot })).rejects.toThrow('CLIP: Iris has no family for it yet.');
    expect(mock.asked).toEqual([]);
  });
});

describe('the address of a hub', () => {
  it('is the library’s own by default', () => {
    expect(openHub().address).toBe(publicHub);
    expect(publicHub).toBe(HUB_URL);
    expect(openHub('https://hub.example/mirror/').address).toBe('https://hub.example/mirror');
  });

  it.each(['http://hub.example', 'ftp://127.0.0.1', 'hub.example', 'https://me:key@hub.example', ''])(
    'is not %s',
    (address) => {
      expect(() => openHub(address)).toThrow(/is no hub's address\. Expected one with https:/);
    },
  );
});
