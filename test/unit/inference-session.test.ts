/** Sessions: float16 both ways, clear failures, telemetry off before the runtime is loaded. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { probe } from '../../src/main/inference/provider.ts';
import { openSession, providers } from '../../src/main/inference/session.ts';
import { floats, integers, readFloats } from '../../src/main/inference/tensors.ts';
import { failureOf, onCpu, root, tinyDir } from './inference-helpers.ts';

/** y = x + x in float16, z = x as int64; made with onnx.helper. */
const doubling =
  'CAgSADpuCg4KAXgKAXgSAXkiA0FkZAoXCgF4EgF6IgRDYXN0KgkKAnRvGAegAQISAWdaFAoBeBIPCg0IChIJCgMSAW4KAggCYhQKAXkSDwoNCAoSCQoDEgFuCgIIAmIUCgF6Eg8KDQgHEgkKAxIBbgoCCAJCBAoAEBE=';

async function writeModel(bytes: Uint8Array): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'iris-session-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'model.onnx');
  await writeFile(path, bytes);
  return path;
}

it('feeds and reads float16, and takes an output as input again', async () => {
  const session = await openSession(await writeModel(Buffer.from(doubling, 'base64')), onCpu);
  expect([...session.inputs]).toEqual([['x', 'float16']]);
  expect(session.outputs).toEqual(['y', 'z']);
  const first = await session.run({ x: floats(Float32Array.of(1.5, -3), [1, 2], 'float16') }, ['y']);
  expect(Object.keys(first)).toEqual(['y']);
  if (!first['y']) throw new Error('no output');
  const second = await session.run({ x: first['y'] });
  if (!second['y'] || !second['z']) throw new Error('no output');
  expect(second['y'].dims).toEqual([1, 2]);
  expect([...readFloats(second['y'])]).toEqual([6, -12]);
  const { z } = second;
  expect(() => readFloats(z)).toThrow(/floating-point numbers.*int64/);
  await session.close();
});

it('makes integers of the declared width', () => {
  expect(integers([1, 2], [2])).toEqual({ type: 'int64', dims: [2], data: BigInt64Array.of(1n, 2n) });
  expect(integers([1, 2], [2], 'int32')).toEqual({ type: 'int32', dims: [2], data: Int32Array.of(1, 2) });
});

it('names a file that is no model, and one that is not there', async () => {
  const path = await writeModel(Buffer.from('not a model'));
  const error = await failureOf(openSession(path, onCpu));
  expect(error).toMatchObject({ code: 'model' });
  expect(String(error)).toContain(path);
  expect(await failureOf(openSession(`${path}.gone`, onCpu))).toMatchObject({ code: 'model' });
});

it('lists providers with the CPU last', async () => {
  const offered = await providers();
  expect(offered.at(-1)).toBe('cpu');
  expect(offered.filter((name) => name === 'cpu')).toHaveLength(1);
});

it('does not load the runtime while its telemetry is on', async () => {
  const module = JSON.stringify(join(root, 'src/main/inference/session.ts'));
  const script = `const { providers } = await import(${module});
    await providers().then(() => console.log('loaded'), (error) => console.log(error.code, error.message));`;
  const env = { ...process.env, ORT_DISABLE_TELEMETRY: '' };
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env });
  expect((await run).stdout).toMatch(/^internal ORT_DISABLE_TELEMETRY=1 must be set/);
});

it('proves the CPU, and says why another provider cannot run', async () => {
  expect(await probe(tinyDir, 'cpu', 1)).toMatchObject({ name: 'cpu', reason: null });
  const failed = await probe(tinyDir, 'abacus', 1);
  expect(failed).toMatchObject({ name: 'abacus', imagesPerSecond: null, cosine: null });
  expect(failed.reason).toMatch(/"abacus"/);
});
