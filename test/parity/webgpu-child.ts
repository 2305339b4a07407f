/** Runs models on WebGPU and prints what they give, beside what the CPU gives; webgpu.test.ts starts it. */
import { noise } from '../../src/main/inference/provider.ts';
import type { Model, Part } from '../../src/main/inference/model.ts';
import { loadModel } from '../../src/main/inference/registry.ts';

const [, , dir = '', prefixes = '[]', ...rows] = process.argv;

/** The tiny model from its golden's prefixes. */
async function tiny(): Promise<object> {
  const model = await loadModel(dir, ['generate', 'text'], { provider: 'webgpu', threads: 1 });
  const photos = (JSON.parse(prefixes) as number[][]).map((row) => Float32Array.from(row));
  const batch = (await model.generateBatch?.(photos, {}, { maxNewTokens: 8 })) ?? [];
  const beams = await model.generate?.(photos[0] ?? new Float32Array(), {}, { beams: 3 });
  const texts = (await model.embedText?.(['a dog'])) ?? [];
  await model.close();
  const tokens = { batch: batch.map((one) => one.tokens), beams: beams?.tokens };
  return { provider: model.provider, ...tokens, embedding: Array.from(texts[0] ?? []) };
}

interface Given {
  numbers: number[];
  tokens: number[];
}

/** Everything that a family gives of one photo and one text: as numbers, and as tokens. */
async function give(row: string, provider: string): Promise<Given> {
  const parts: Part[] = ['vision', 'text', 'generate'];
  const model: Model = await loadModel(row, parts, { provider, threads: 1 });
  const [photo] = noise(model);
  const [seen] = (photo && (await model.see?.([photo]))) ?? [];
  const prefix = seen?.prefix ?? new Float32Array();
  const question = { question: 'what is it?' };
  const texts = ['a dog'];
  const few = { maxNewTokens: 2, beams: 1 };
  const written = await model.generate?.(prefix, model.answers ? question : {}, few);
  const numbers = [
    ...(seen?.embedding ?? []),
    ...prefix,
    ...((await model.embedText?.(texts))?.[0] ?? []),
    ...((await model.score?.(prefix, texts)) ?? []).map(({ logProbability }) => logProbability),
    ...((await model.match?.(prefix, texts)) ?? []).map(({ itm, itc }) => itm ?? itc ?? NaN),
    ...((await model.answers?.(prefix, question.question)) ?? []).map(({ probability }) => probability),
  ];
  await model.close();
  return { numbers, tokens: written?.tokens ?? [] };
}

async function compared(row: string): Promise<object> {
  const [cpu, gpu] = [await give(row, 'cpu'), await give(row, 'webgpu')];
  const apart = cpu.numbers.map((x, at) => Math.abs(x - (gpu.numbers[at] ?? NaN)));
  const difference = apart.reduce((most, x) => (Number.isNaN(x) ? Infinity : Math.max(most, x)), 0);
  const same = cpu.numbers.length === gpu.numbers.length && String(cpu.tokens) === String(gpu.tokens);
  return { count: cpu.numbers.length, tokens: cpu.tokens.length, same, difference };
}

const families: object[] = [];
for (const row of rows) families.push(await compared(row));
console.log(JSON.stringify({ ...(await tiny()), families }));
