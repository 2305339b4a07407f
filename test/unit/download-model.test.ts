/** A model of the catalogue through the engine: downloaded as a job, a model when it is whole, and nothing before. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createEngine } from '../../src/main/engine.ts';
import { readManifest } from '../../src/main/inference/registry.ts';
import { readCatalogue } from '../../src/main/lib/known-models.ts';
import type { Engine, Job } from '../../src/shared/contract.ts';
import { root, tinyDir } from './inference-helpers.ts';
import { commit, mockHub, sha256, type MockHub } from './mock-hub.ts';
import { publicForm } from '../parity/public-form.ts';

const text = { en: 'words', zh: '文字' };
const known = { name: 'Tiny', does: text, suits: text, can: ['search'], license: 'Apache-2.0' };

interface World {
  mock: MockHub;
  library: string;
  /** Of all files. */
  bytes: number;
  open: () => Promise<Engine>;
}

/** A hub with the files of `from` as the model `id`, and an engine whose catalogue knows it. */
async function world(id = 'tiny', from = tinyDir): Promise<World> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const names = paths.map((file) => path.relative(from, file));
  const contents = await Promise.all(paths.map((file) => readFile(file)));
  const mock = await mockHub(
    `iris/${id}`,
    new Map(names.map((name, at) => [name, contents[at] ?? Buffer.of()])),
  );
  const library = await mkdtemp(path.join(tmpdir(), 'iris-download-'));
  const shipped = path.join(library, 'shipped');
  const entry = {
    ...known,
    id,
    repository: `iris/${id}`,
    files: names,
    bytes: 480_000,
    memoryMb: 1,
    unseen: [],
  };
  const other = { ...entry, id: 'other', files: [], cannot: { en: 'Iris has no family for it.', zh: '' } };
  await mkdir(shipped);
  await writeFile(
    path.join(shipped, 'catalogue.json'),
    JSON.stringify({ format: 1, models: [entry, other] }),
  );
  const opened: Engine[] = [];
  onTestFinished(async () => {
    for (const engine of opened) await engine.close();
    await mock.close();
    await rm(library, { recursive: true, force: true });
  });
  const open = async (): Promise<Engine> => {
    const engine = await createEngine({ library, access: 'write', modelsDir: shipped, hub: mock.address });
    opened.push(engine);
    return engine;
  };
  return { mock, library, bytes: Buffer.concat(contents).length, open };
}

/** The job that a download ends as; `during` sees it while it runs. */
async function downloaded(engine: Engine, during?: (job: Job) => unknown, model = 'tiny'): Promise<Job> {
  const leaving = new AbortController();
  const events = engine.events({}, leaving.signal);
  const { id } = await engine.downloadModel({ id: model });
  for await (const event of events) {
    if (event.type !== 'job' || event.job.id !== id) continue;
    if (event.job.phase === 'finished') {
      leaving.abort();
      return event.job;
    }
    await during?.(event.job);
  }
  throw new Error('The events ended before the download.');
}

it('comes as a job that tells its bytes, is verified like any other, and is asked for once', async () => {
  const { mock, library, bytes, open } = await world();
  const engine = await open();
  const before = await engine.catalogue({});
  expect(before).toMatchObject({
    hub: mock.address,
    models: [{ id: 'tiny', here: false, kept: 0 }, { id: 'other' }],
  });
  expect(mock.asked).toEqual([]); // looking asks nobody
  const seen: Job[] = [];
  const job = await downloaded(engine, (each) => seen.push(each));
  expect(seen[0]).toMatchObject({ kind: 'model', model: 'tiny', phase: 'download' });
  expect(job).toMatchObject({ state: 'done', error: null, done: job.total });
  expect(job.total).toBe(bytes);
  const [model] = await engine.models({ verify: true, id: 'tiny' });
  expect(model).toMatchObject({ state: 'ready', origin: 'added', reason: null });
  expect((await readdir(path.join(library, 'models', 'tiny'))).sort()).toEqual(
    (await readdir(tinyDir)).sort(),
  );
  expect((await engine.catalogue({})).models[0]).toMatchObject({ here: true, kept: 0 });
  await expect(engine.downloadModel({ id: 'tiny' })).rejects.toMatchObject({ code: 'exists' });
  await expect(engine.downloadModel({ id: 'nobody' })).rejects.toThrow(/no model "nobody".*tiny, other/);
  expect(await readdir(path.join(library, 'models'))).toEqual(['tiny']);
  const refused = await engine.downloadModel({ id: 'other' });
  await expect
    .poll(async () => (await engine.jobs({})).find(({ id }) => id === refused.id)?.error, {
      timeout: 30_000,
    })
    .toMatch(/has no family/);
});

it('that comes wrong is no model; what is whole stays for the next try, or is deleted', async () => {
  const { mock, library, open } = await world();
  const engine = await open();
  mock.faults.set('decoder.onnx', [{ flip: true }]);
  const job = await downloaded(engine);
  expect(job.state).toBe('failed');
  expect(job.error).toMatch(/^decoder\.onnx: expected SHA-256 .*, got SHA-256/);
  expect(await engine.models({})).toEqual([]);
  await engine.close();

  const second = await open(); // what died on its way is swept out, an unfinished download is not
  const kept = (await second.catalogue({})).models[0]?.kept ?? 0;
  expect(await readdir(path.join(library, 'models'))).toEqual(['.tiny.download']);
  await second.discardDownload({ id: 'tiny' });
  expect((await second.catalogue({})).models[0]?.kept).toBe(0);
  expect(kept).toBeLessThan(480_000);

  mock.faults.set('vision.onnx', [{ stall: 5000 }]);
  const cancelled = await downloaded(second, (each) =>
    second.cancel({ job: each.id }).catch(() => undefined),
  );
  expect(cancelled).toMatchObject({ state: 'cancelled', error: null });
  expect(await second.models({})).toEqual([]);
  mock.faults.clear();
  expect((await downloaded(second)).state).toBe('done');
  expect(await second.models({ verify: true })).toMatchObject([{ id: 'tiny', state: 'ready' }]);
});

it('without a model.json is read as a public folder is, and the hub’s hashes are written down', async () => {
  const { mock, library, open } = await world('clip-small', await publicForm('clip'));
  const engine = await open();
  const job = await downloaded(engine, undefined, 'clip-small');
  expect(job).toMatchObject({ state: 'done', error: null });
  expect(await engine.models({ verify: true })).toMatchObject([
    { id: 'clip-small', name: 'Tiny', state: 'ready', can: ['search'], license: 'Apache-2.0', memoryMb: 1 },
  ]);
  const folder = path.join(library, 'models/clip-small');
  const { source, files } = await readManifest(folder);
  expect(source).toBe(`${mock.address}/iris/clip-small/tree/${commit}`);
  expect(files.map((file) => file.path)).toContain('onnx/vision_model.onnx');
  for (const file of files) expect(sha256(await readFile(path.join(folder, file.path)))).toBe(file.sha256);
});

it('is described in the catalogue that comes with Iris', async () => {
  const models = await readCatalogue(path.join(root, 'models/catalogue.json'));
  expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
  for (const { id, files, cannot, does, suits } of models) {
    expect({ id, usable: cannot !== undefined || files.length > 0 }).toEqual({ id, usable: true });
    expect([does.en, does.zh, suits.en, suits.zh].filter((words) => words === '')).toEqual([]);
  }
});
