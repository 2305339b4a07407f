/** Runs the tiny model on WebGPU and prints what it generates; webgpu.test.ts starts it. */
import { loadModel } from '../../src/main/inference/registry.ts';

const [, , dir = '', prefixes = '[]'] = process.argv;
const options = { provider: 'webgpu', threads: 1 };
const model = await loadModel(dir, ['generate', 'text'], options);
const rows = (JSON.parse(prefixes) as number[][]).map((row) => Float32Array.from(row));
const batch = (await model.generateBatch?.(rows, {}, { maxNewTokens: 8 })) ?? [];
const beams = await model.generate?.(rows[0] ?? new Float32Array(), {}, { beams: 3 });
const texts = (await model.embedText?.(['a dog'])) ?? [];
await model.close();
console.log(
  JSON.stringify({
    provider: model.provider,
    batch: batch.map(({ tokens }) => tokens),
    beams: beams?.tokens,
    embedding: Array.from(texts[0] ?? []),
  }),
);
