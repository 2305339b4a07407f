/**
 * What classification falls back to: a grey photo for the prior, and the relevance numbers for probabilities; and
 * what the lane that does it waits for.
 */
import { expect, it } from 'vitest';
import { createGenerateLane } from '../../src/main/compute/generate-lane.ts';
import type { Manifest, Model, Pixels, Scored } from '../../src/main/inference/model.ts';
import {
  calibration,
  zeroShot,
  type DualEncoderManifest,
} from '../../src/main/inference/families/dual-encoder.ts';
import { readManifest } from '../../src/main/inference/manifest.ts';
import { decodeRows } from '../../src/main/inference/generate.ts';
import { tinyDir, toyDecoder } from './inference-helpers.ts';

const manifest = await readManifest(tinyDir);
const { width, height } = manifest.preprocess;
const photo = new Uint8Array(3 * width * height).fill(7);

/** A model whose prefix is its pixels' first three values, and whose scores are sums of them. */
function modelWith(score: Model['score']): Model {
  const facts: Manifest = { ...manifest, preprocess: { ...manifest.preprocess, mean: [10.4, 20.6, 30] } };
  const see = (batch: readonly Pixels[]): Promise<{ prefix: Float32Array }[]> =>
    Promise.resolve(batch.map((pixels) => ({ prefix: Float32Array.from(pixels.slice(-3)) })));
  const generate = (): Promise<never> => Promise.reject(new Error('Nobody asked for text.'));
  const base = { manifest: facts, version: 'fake@1', provider: 'cpu', close: () => Promise.resolve() };
  return { ...base, see, generate, ...(score && { score }) };
}

const sum = (prefix: Float32Array): number => prefix.reduce((a, b) => a + b, 0);

it('takes the prior from the model, or from a photo of the mean colour', async () => {
  const looking = (prefix: Float32Array, texts: readonly string[]): Promise<Scored[]> =>
    Promise.resolve(texts.map((text) => ({ logProbability: -sum(prefix) - text.length, tokens: 1 })));
  const grey = createGenerateLane(() => Promise.resolve(modelWith(looking)));
  expect(await grey.score({ look: { pixels: photo }, texts: ['a', 'abc'] })).toEqual({
    texts: [
      { logProbability: -22, tokens: 1, prior: -62 },
      { logProbability: -24, tokens: 1, prior: -64 },
    ],
    prior: 'grey photo',
    photo: null,
  });
  const own = createGenerateLane(() =>
    Promise.resolve(
      modelWith(async (prefix, texts) =>
        (await looking(prefix, texts)).map((row) => ({ ...row, prior: -1 })),
      ),
    ),
  );
  const judged = await own.score({ look: { pixels: photo }, texts: ['a'] });
  expect(judged).toEqual({
    texts: [{ logProbability: -22, tokens: 1, prior: -1 }],
    prior: 'no photo',
    photo: null,
  });
  const mute = createGenerateLane(() => Promise.resolve(modelWith(undefined)));
  expect(await mute.score({ look: { pixels: photo }, texts: ['a'] })).toBeNull();
});

it('begins nothing beside a prompt that nobody waits for any more', async () => {
  const prompt = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<undefined>();
  const toy = toyDecoder([[1]], () => [1, 0]);
  const start: typeof toy.start = async () => {
    begun.resolve(undefined);
    await prompt.promise;
    return await toy.start();
  };
  const scored: string[] = [];
  const score: Model['score'] = async (_, texts) => {
    scored.push(...texts);
    return texts.map(() => ({ logProbability: -1, tokens: 1, prior: -1 }));
  };
  const generate: Model['generate'] = async (_prefix, _prompt, options = {}) => {
    const rules = { repetitionPenalty: 1, noRepeatNgram: 0, minNewTokens: 0, stopIds: [] };
    const [row] = await decodeRows({ ...toy, start }, { ...rules, maxNewTokens: 1, signal: options.signal });
    return { text: '', tokens: row?.tokens ?? [], confidence: 1, sent: '', droppedTurns: 0 };
  };
  const lane = createGenerateLane(() => Promise.resolve({ ...modelWith(score), generate }));
  const abort = new AbortController();
  const asked = lane.generate({ look: { pixels: photo }, prompt: {} }, abort.signal);
  const answer = (async () => {
    for await (const event of asked) expect(event).toBeUndefined();
  })();
  await begun.promise;
  abort.abort();
  await expect(answer).rejects.toMatchObject({ code: 'aborted' });
  const next = lane.score({ look: { pixels: photo }, texts: ['a'] });
  await new Promise(setImmediate);
  expect(scored).toEqual([]);
  prompt.resolve(undefined);
  expect((await next)?.texts).toHaveLength(1);
  expect([scored, toy.leaked()]).toEqual([['a'], 0]);
});

it('makes probabilities as the model says, else of deviations from unrelated pairs', () => {
  const embed = { ...(manifest.embed as DualEncoderManifest) };
  delete embed.zeroShot;
  const image = Float32Array.of(1, 0);
  const labels = [Float32Array.of(0.3, 0), Float32Array.of(0.1, 0)];
  const plain = { ...embed, relevance: { mean: 0.1, std: 0.05 } };
  expect(calibration(plain)).toEqual({ scale: 20, bias: -2, activation: 'softmax', from: 'relevance' });
  const [first, second] = zeroShot(plain, image, labels).probabilities;
  expect(Math.log((first ?? 0) / (second ?? 1))).toBeCloseTo(4, 4); // four deviations apart
  const own = { ...plain, zeroShot: { scale: 10, bias: -1, activation: 'sigmoid' as const } };
  expect(calibration(own).from).toBe('model');
  expect(zeroShot(own, image, labels).probabilities[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
  delete embed.relevance;
  expect(() => calibration(embed)).toThrow(/embed\.zeroShot/);
});
