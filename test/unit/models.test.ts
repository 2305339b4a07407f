/** Adding, choosing and losing models: nothing half, nothing tampered, and never silently another one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forkChild, type Child } from '../../src/main/compute/ports.ts';
import { createEngine } from '../../src/main/engine.ts';
import { Models } from '../../src/main/services/models.ts';
import { openLibrary } from '../../src/main/store/database.ts';
import type { Engine, LibraryEvent } from '../../src/shared/contract.ts';
import { copyTiny, editManifest, root, tinyDir } from './inference-helpers.ts';

async function folder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'iris-models-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** An engine whose shipped models are `shipped`; closed when the test has finished. */
async function engine(library: string, shipped = path.join(library, 'shipped')): Promise<Engine> {
  const opened = await createEngine({ library, access: 'write', modelsDir: shipped });
  onTestFinished(() => opened.close());
  return opened;
}

async function flipBit(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 9000);
  await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 4]), 0, 1, 9000);
  await handle.close();
}

/** The tiny model under another id. */
async function placeModel(dir: string, id: string): Promise<void> {
  await cp(tinyDir, path.join(dir, id), { recursive: true });
  await editManifest(path.join(dir, id), (manifest) => Object.assign(manifest, { id, name: id }));
}

describe('adding a model', () => {
  it.each<[string, (dir: string) => Promise<void>, RegExp]>([
    ['a changed file', (dir) => flipBit(path.join(dir, 'decoder.onnx')), /decoder\.onnx has SHA-256/],
    ['a missing file', (dir) => rm(path.join(dir, 'text.onnx')), /text\.onnx is missing/],
    ['a short file', (dir) => truncate(path.join(dir, 'vision.onnx'), 9), /vision\.onnx has 9 bytes/],
    [
      'a wrong manifest',
      (dir) => editManifest(dir, (m) => Object.assign(m, { memoryMb: 'much' })),
      /model\.json: memoryMb/,
    ],
    [
      'a file outside',
      (dir) => editManifest(dir, (m) => Object.assign(m, { licenseFile: '../secret' })),
      /"\.\.\/secret" is outside/,
    ],
    ['no manifest', (dir) => rm(path.join(dir, 'model.json')), /no model\.json/],
    [
      'more than the disk holds',
      async (dir) => {
        // One file with a hole takes no room, and is listed so often that no disk holds it all.
        await writeFile(path.join(dir, 'hole.bin'), '');
        await truncate(path.join(dir, 'hole.bin'), 2 ** 40);
        const entry = { path: 'hole.bin', bytes: 2 ** 40, sha256: '0'.repeat(64) };
        await editManifest(dir, (m) =>
          (m['files'] as object[]).push(...Array.from({ length: 4096 }, () => entry)),
        );
      },
      /needs \d{10} MB and .* free/,
    ],
  ])('refuses %s, names it, and leaves nothing', async (_, damage, message) => {
    const source = await copyTiny();
    await damage(source);
    const library = await folder();
    const api = await engine(library);
    await expect(api.addModel({ folder: source })).rejects.toThrow(message);
    expect(await readdir(path.join(library, 'models')).catch(() => [])).toEqual([]);
    expect(await api.models({})).toEqual([]);
  });

  it('killed in the middle leaves no half model, and the next start tidies up', async () => {
    const library = await folder();
    const source = await copyTiny();
    const child = fork(path.join(import.meta.dirname, 'add-model-child.ts'), [library, source], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message'); // it has begun to copy
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readdir(path.join(library, 'models'))).toEqual(['.tiny.part']);
    const api = await engine(library);
    expect(await api.models({})).toEqual([]);
    expect(await readdir(path.join(library, 'models'))).toEqual([]);
    expect(await api.addModel({ folder: source })).toMatchObject({ id: 'tiny', state: 'ready' });
  });
});

describe('a model that was chosen', () => {
  it('and is gone is replaced aloud, and does its work again when it is back', async () => {
    const library = await folder();
    const shipped = path.join(library, 'shipped');
    await placeModel(shipped, 'starter');
    const first = await createEngine({ library, access: 'write', modelsDir: shipped });
    await first.addModel({ folder: tinyDir });
    await first.useModel({ role: 'chat', id: 'tiny' });
    expect(await first.status({})).toMatchObject({ models: { chat: { id: 'tiny' } }, replaced: [] });
    await first.close();

    const dir = path.join(library, 'models', 'tiny');
    await rename(dir, path.join(library, 'away'));
    const second = await engine(library, shipped);
    expect(await second.status({})).toMatchObject({
      models: { chat: { id: 'starter' } },
      replaced: [{ role: 'chat', id: 'tiny', reason: expect.stringContaining('gone') as string }],
    });
    expect(await second.models({})).toMatchObject([
      { id: 'starter', roles: ['search', 'caption', 'chat'] },
      { id: 'tiny', state: 'missing', roles: [] },
    ]);
    await rename(path.join(library, 'away'), dir);
    await second.models({});
    expect(await second.status({})).toMatchObject({ models: { chat: { id: 'tiny' } }, replaced: [] });
  });

  it('and is damaged inside is found out before it does anything, and said', async () => {
    const library = await folder();
    const shipped = path.join(library, 'shipped');
    await placeModel(shipped, 'starter');
    await placeModel(path.join(library, 'models'), 'other');
    const before = await createEngine({ library, access: 'write', modelsDir: shipped });
    await before.useModel({ role: 'search', id: 'other' });
    await before.close();
    await flipBit(path.join(library, 'models', 'other', 'text.onnx'));
    const api = await engine(library, shipped);
    expect((await api.status({})).models.search?.id).toBe('other'); // its sizes are right
    const news = api.events({})[Symbol.asyncIterator]();
    const heard = news.next() as Promise<{ value: LibraryEvent }>;
    expect((await api.search({ query: 'a dog' })).hits).toEqual([]);
    expect((await heard).value).toEqual({ type: 'models' });
    await news.return?.();
    const { models, replaced } = await api.status({});
    expect(models.search?.id).toBe('starter');
    expect(replaced).toMatchObject([{ role: 'search', id: 'other' }]);
    expect(replaced[0]?.reason).toMatch(/text\.onnx has SHA-256/);
    await expect(api.useModel({ role: 'caption', id: 'other' })).rejects.toThrow(/other: .*text\.onnx/);
    await api.removeModel({ id: 'other' }); // it does nothing now
    expect((await api.status({})).replaced).toEqual([]);
  });

  it('must be able to do the work', async () => {
    const library = await folder();
    const added = path.join(library, 'models');
    await placeModel(added, 'finder');
    await editManifest(path.join(added, 'finder'), (manifest) => delete manifest['generate']);
    await mkdir(path.join(library, 'shipped'));
    const api = await engine(library);
    const refusal = api.useModel({ role: 'chat', id: 'finder' });
    await expect(refusal).rejects.toMatchObject({ code: 'model' });
    await expect(refusal).rejects.toThrow('finder cannot talk about photos. It can search.');
    expect((await api.status({})).models).toMatchObject({ search: { id: 'finder' }, chat: null });
  });
});

describe('the process of a model', () => {
  it('ends when the model does nothing any more, and starts again for the next question', async () => {
    const library = await folder();
    const shipped = path.join(library, 'shipped');
    await placeModel(shipped, 'starter');
    const alive = new Map<string, Child>();
    const api = await createEngine({
      ...{ library, access: 'write', modelsDir: shipped, idleMs: 50 },
      fork(entry, config) {
        const child = forkChild(entry, config);
        alive.set(`${config.lane} ${path.basename(config.modelDir ?? '')}`, child);
        return child;
      },
    });
    onTestFinished(() => api.close());
    await api.addModel({ folder: tinyDir });
    const photo = { path: path.join(root, 'test/fixtures/gps.jpg') };
    for (const model of ['starter', 'tiny', 'tiny']) {
      expect((await api.ask({ photo, question: 'a', model })).model).toContain(`${model}@`);
      if (model === 'tiny') await expect.poll(() => alive.get('generate tiny')?.alive).toBe(false);
    }
    expect(alive.get('generate starter')?.alive).toBe(true);
  });
});

describe('a choice for search', () => {
  it('taken back while photos wait for it is forgotten', async () => {
    const library = await folder();
    const added = path.join(library, 'models');
    for (const id of ['one', 'two']) await placeModel(added, id);
    await editManifest(path.join(added, 'two'), (manifest) =>
      Object.assign(manifest['preprocess'] as object, { version: 2 }),
    );
    const db = openLibrary(library, 'write');
    onTestFinished(() => db.close());
    const models = new Models({ db, shipped: path.join(library, 'none'), added, onChange: () => undefined });
    await models.look(false);
    const one = models.find('one').version;
    db.run("INSERT INTO root (id, path) VALUES (1, x'2f')");
    db.run("INSERT INTO photo (id, pixel_hash) VALUES (1, x'00')");
    db.run(
      `INSERT INTO file (root_id, path, folder, name, size, mtime_us, ctime_us, inode, photo_id)
       VALUES (1, x'61', '', 'a', 1, 1, 1, '1', 1)`,
    );
    const see = (model: string): unknown =>
      db.run("INSERT INTO cache.embedding (photo_id, model, vector) VALUES (1, ?, x'00')", model);
    see(one);
    await models.choose(db, 'search', 'two');
    expect(models.serving('search').model?.id).toBe('one');
    expect((await models.list(false)).map(({ waiting }) => waiting)).toEqual([null, 1]);
    expect(models.settle(db)).toBe(false);
    expect(() => models.removable('two')).toThrow('in use');
    await models.choose(db, 'search', 'one');
    expect(models.switching).toBe(false);
    await models.choose(db, 'search', 'two');
    see(models.find('two').version);
    expect(models.settle(db)).toBe(true);
    expect(models.serving('search').model?.id).toBe('two');
  });
});
