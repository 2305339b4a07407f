/** Model folders: what is wrong with a manifest is named, and a changed file is never loaded. */
import { cp, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  listModels,
  loadModel,
  modelVersion,
  readManifest,
  verifyFiles,
} from '../../src/main/inference/registry.ts';
import { copyTiny, editManifest, failureOf, onCpu, tinyDir, tinyPhoto } from './inference-helpers.ts';

type Json = Record<string, unknown>;

describe('a manifest', () => {
  it.each<[string, (manifest: Json) => void, RegExp]>([
    ['a missing field', (m) => delete m['license'], /model\.json: license/],
    ['a wrong type', (m) => Object.assign(m['preprocess'] as Json, { width: '32' }), /preprocess\.width/],
    ['an unknown field', (m) => Object.assign(m, { prompt: 'x' }), /the whole file.*prompt/],
    ['an unknown family', (m) => Object.assign(m['embed'] as Json, { family: 'clip' }), /embed\.family/],
    [
      'a bad hash',
      (m) => Object.assign((m['files'] as Json[])[0] ?? {}, { sha256: 'xyz' }),
      /files\.0\.sha256/,
    ],
    ['a newer format', (m) => Object.assign(m, { format: 2 }), /format/],
    [
      'a template without a place',
      (m) => Object.assign(m['embed'] as Json, { template: 'x' }),
      /embed\.template/,
    ],
    [
      'a file not listed',
      (m) => Object.assign(m['embed'] as Json, { text: 'other.onnx' }),
      /"other\.onnx" is used but not/,
    ],
    [
      'a path out of the folder',
      (m) => Object.assign((m['files'] as Json[])[0] ?? {}, { path: '../a' }),
      /"\.\.\/a" is outside/,
    ],
    [
      'an absolute path',
      (m) => Object.assign((m['files'] as Json[])[0] ?? {}, { path: '/etc/passwd' }),
      /outside/,
    ],
  ])('with %s is refused, and the place is named', async (_, edit, message) => {
    const dir = await copyTiny();
    await editManifest(dir, edit);
    const error = await failureOf(readManifest(dir));
    expect(error).toMatchObject({ code: 'model' });
    expect(String(error)).toMatch(message);
  });

  it('that is missing or no JSON is named', async () => {
    const dir = await copyTiny();
    await writeFile(join(dir, 'model.json'), '{"format": 1,');
    expect(String(await failureOf(readManifest(dir)))).toContain(join(dir, 'model.json'));
    await rm(join(dir, 'model.json'));
    expect(await failureOf(readManifest(dir))).toMatchObject({ code: 'model' });
  });
});

describe('the version', () => {
  it('follows weights, tokenizers and preprocessing, and nothing else', async () => {
    const manifest = await readManifest(tinyDir);
    const version = modelVersion(manifest);
    expect(version).toMatch(/^tiny@[0-9a-f]{12}$/);
    expect(modelVersion({ ...manifest, name: 'Other', files: manifest.files.toReversed() })).toBe(version);
    const licence = { path: 'LICENSE.md', sha256: 'b'.repeat(64), bytes: 1 };
    expect(modelVersion({ ...manifest, files: [...manifest.files, licence] })).toBe(version);
    const files = manifest.files.map((file) => ({ ...file, sha256: 'a'.repeat(64) }));
    expect(modelVersion({ ...manifest, files })).not.toBe(version);
    const preprocess = { ...manifest.preprocess, version: 2 };
    expect(modelVersion({ ...manifest, preprocess })).not.toBe(version);
  });
});

/** Overwrites bytes in place. */
async function patch(path: string, edit: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(path);
  edit(bytes);
  await writeFile(path, bytes);
}

const tampering: [string, string, (dir: string) => Promise<void>, RegExp][] = [
  ['missing', 'text.onnx', (dir) => rm(join(dir, 'text.onnx')), /is missing/],
  [
    'truncated',
    'vision.onnx',
    (dir) => truncate(join(dir, 'vision.onnx'), 1000),
    /has 1000 bytes where model\.json says \d+/,
  ],
  [
    'with one bit changed',
    'decoder.onnx',
    (dir) => patch(join(dir, 'decoder.onnx'), (b) => (b[9000] = (b[9000] ?? 0) ^ 4)),
    /SHA-256/,
  ],
  [
    'with a tail of zeros',
    'vision.onnx',
    (dir) => patch(join(dir, 'vision.onnx'), (b) => b.fill(0, 50_000)),
    /SHA-256/,
  ],
  [
    'whose tokenizer changed',
    'search.json',
    (dir) => patch(join(dir, 'search.json'), (b) => b.write(' ', b.length - 2)),
    /SHA-256/,
  ],
  [
    'swapped with another',
    'text.onnx',
    async (dir) => {
      await rename(join(dir, 'text.onnx'), join(dir, 'x'));
      await rename(join(dir, 'vision.onnx'), join(dir, 'text.onnx'));
      await rename(join(dir, 'x'), join(dir, 'vision.onnx'));
    },
    /text\.onnx has \d+ bytes/,
  ],
];

describe('a model file', () => {
  it.each(tampering)('%s is named, and the model is not loaded', async (_, file, damage, message) => {
    const dir = await copyTiny();
    await damage(dir);
    const error = await failureOf(loadModel(dir, ['vision', 'text', 'generate'], onCpu));
    expect(error).toMatchObject({ code: 'model' });
    expect(String(error)).toContain(file);
    expect(String(error)).toMatch(message);
    expect(String(error)).toContain('Get the model again');
  });

  it('changed after it was checked is noticed, with the same size', async () => {
    const dir = await copyTiny();
    const manifest = await readManifest(dir);
    await verifyFiles(dir, manifest);
    const file = await open(join(dir, 'text.onnx'), 'r+');
    await file.write(Buffer.from([255]), 0, 1, 40_000);
    await file.close();
    await expect(verifyFiles(dir, manifest)).rejects.toThrow(/text\.onnx has SHA-256/);
  });

  it('that a part does not need does not stop that part', async () => {
    const dir = await copyTiny();
    await rm(join(dir, 'decoder.onnx'));
    const model = await loadModel(dir, ['text'], onCpu);
    expect(await model.embedText?.(['a dog'])).toHaveLength(1);
    await model.close();
  });

  it('put back makes the model load again', async () => {
    const dir = await copyTiny();
    const path = join(dir, 'vision.onnx');
    await rename(path, `${path}.away`);
    await failureOf(loadModel(dir, ['vision'], onCpu));
    await rename(`${path}.away`, path);
    const model = await loadModel(dir, ['vision'], onCpu);
    expect(await model.see?.([tinyPhoto(0)])).toHaveLength(1);
    await model.close();
  });
});

describe('loading', () => {
  it('opens only the parts that were asked for', async () => {
    const members = async (part: 'vision' | 'text' | 'generate'): Promise<string[]> => {
      const model = await loadModel(tinyDir, [part], onCpu);
      await model.close();
      return ['see', 'embedText', 'generate', 'generateBatch'].filter((name) => name in model);
    };
    expect(await members('vision')).toEqual(['see']);
    expect(await members('text')).toEqual(['embedText']);
    expect(await members('generate')).toEqual(['generate', 'generateBatch']);
  });

  it('has no members for what the model cannot do', async () => {
    const dir = await copyTiny();
    await editManifest(dir, (manifest) => delete manifest['generate']);
    const model = await loadModel(dir, ['vision', 'text', 'generate'], onCpu);
    expect('generate' in model).toBe(false);
    const [seen] = (await model.see?.([tinyPhoto(0)])) ?? [];
    expect(Object.keys(seen ?? {})).toEqual(['embedding']);
    await model.close();
  });

  it('gives the same from two vision files as from one for both uses', async () => {
    const dir = await copyTiny();
    await cp(join(dir, 'vision.onnx'), join(dir, 'eyes.onnx'));
    await editManifest(dir, (manifest) => {
      const files = manifest['files'] as Json[];
      files.push({ ...files.find((file) => file['path'] === 'vision.onnx'), path: 'eyes.onnx' });
      Object.assign(manifest['generate'] as Json, { vision: 'eyes.onnx' });
    });
    const [one, two] = await Promise.all([tinyDir, dir].map((from) => loadModel(from, ['vision'], onCpu)));
    expect(await two?.see?.([tinyPhoto(1)])).toEqual(await one?.see?.([tinyPhoto(1)]));
    await Promise.all([one?.close(), two?.close()]);
  });

  it("refuses weights that do not have the manifest's shape", async () => {
    const dir = await copyTiny();
    await editManifest(dir, (manifest) => {
      Object.assign(manifest['embed'] as Json, { dimension: 17 });
      Object.assign(manifest['generate'] as Json, { width: 31 });
    });
    const model = await loadModel(dir, ['vision', 'text', 'generate'], onCpu);
    for (const run of [
      model.see?.([tinyPhoto(0)]),
      model.embedText?.(['a']),
      model.generate?.(new Float32Array(124), {}),
    ]) {
      expect(await failureOf(run ?? Promise.resolve())).toMatchObject({ code: 'model' });
    }
    await model.close();
  });

  it('names a provider that is not there', async () => {
    const error = await failureOf(loadModel(tinyDir, ['text'], { provider: 'abacus', threads: 1 }));
    expect(error).toMatchObject({ code: 'model' });
    expect(String(error)).toMatch(/"abacus".*cpu/);
  });
});

describe('the list of models', () => {
  it('describes what is installed, and what is wrong with it', async () => {
    const whole = await copyTiny();
    expect(await listModels(join(whole, '..', 'nowhere'))).toEqual([]);
    const dir = await copyTiny();
    for (const name of ['good', 'short', 'broken']) await rename(await copyTiny(), join(dir, name));
    await truncate(join(dir, 'short', 'text.onnx'), 10);
    await writeFile(join(dir, 'broken', 'model.json'), '{}');
    const models = await listModels(dir);
    expect(models.map(({ id, state }) => [id, state])).toEqual([
      ['broken', 'damaged'],
      ['tiny', 'ready'],
      ['tiny', 'damaged'],
    ]);
    expect(models[1]).toMatchObject({
      name: 'Tiny',
      can: ['search', 'caption', 'ask', 'chat'],
      reason: null,
    });
    expect(models[0]?.reason).toContain('format');
    expect(models[2]?.reason).toMatch(/text\.onnx has 10 bytes/);
  });
});
