/** Likelihood over fixed scores: the sum that it should be, each shared beginning run once, nothing left behind. */
import { describe, expect, it } from 'vitest';
import { logLikelihoods } from '../../src/main/inference/likelihood.ts';
import { logSoftmax } from '../../src/main/inference/sampling.ts';
import { failureOf, toyDecoder } from './inference-helpers.ts';

const vocabulary = 12;
const prompt = [5];

/** Scores that depend on the whole row, so that a row taken for another shows. */
function scoresOf(tokens: number[]): number[] {
  const mixed = tokens.reduce((sum, id, at) => sum + (id + 1) * (at + 3) * 7, 0);
  return Array.from({ length: vocabulary }, (_, id) => ((mixed * (id + 2)) % 17) / 4);
}

function expected(text: number[]): number {
  return text.reduce((sum, id, at) => {
    const logProbs = logSoftmax(Float32Array.from(scoresOf([...prompt, ...text.slice(0, at)])));
    return sum + (logProbs[id] ?? NaN);
  }, 0);
}

const template = [1, 2, 3];
const texts = [[4], [], [...template, 4, 6], [...template, 7], [...template, 4], [4], [9, 9, 9, 9, 9, 9]];

describe('log p of given texts', () => {
  it('is the sum over their tokens, also for equal, empty and begun ones', async () => {
    const decoder = toyDecoder([prompt], scoresOf);
    const found = await logLikelihoods(decoder, texts);
    found.forEach((sum, at) => expect(sum).toBeCloseTo(expected(texts[at] ?? []), 4));
    expect(decoder.leaked()).toBe(0);
  });

  it('runs what texts share once, and no last token', async () => {
    const decoder = toyDecoder([prompt], scoresOf);
    await logLikelihoods(
      decoder,
      [4, 6, 7].map((id) => [...template, id]),
    );
    expect(decoder.steps).toEqual([1, 1, 1, 1]);
    const apart = toyDecoder([prompt], scoresOf);
    await logLikelihoods(apart, texts);
    expect(apart.steps).toEqual([1, 2, 2, 2, 2, 1]);
  });

  it('runs a wide tree part by part, from one prompt', async () => {
    const wide = Array.from({ length: 100 }, (_, at) => [at % 10, Math.floor(at / 10), 3, at % 7]);
    const decoder = toyDecoder([prompt], scoresOf);
    const found = await logLikelihoods(decoder, wide);
    found.forEach((sum, at) => expect(sum).toBeCloseTo(expected(wide[at] ?? []), 4));
    expect(Math.max(...decoder.steps)).toBe(32);
    expect(decoder.steps.filter((rows) => rows === 1)).toHaveLength(1);
    expect(decoder.leaked()).toBe(0);
  });

  it('stops between two steps, and frees what a failed step leaves', async () => {
    const abort = new AbortController();
    const wide = Array.from({ length: 100 }, (_, at) => [at % 10, Math.floor(at / 10), 3]);
    const stopping = toyDecoder([prompt], (tokens) => {
      if (tokens.length === 3) abort.abort();
      return scoresOf(tokens);
    });
    const stopped = logLikelihoods(stopping, wide, abort.signal);
    expect(await failureOf(stopped)).toMatchObject({ code: 'aborted' });
    expect(stopping.steps).toEqual([1, 10, 32]);
    expect(stopping.leaked()).toBe(0);
    const failing = toyDecoder([prompt], (tokens) => {
      if (tokens.length === 3) throw new Error('device lost');
      return scoresOf(tokens);
    });
    expect(await failureOf(logLikelihoods(failing, wide))).toMatchObject({ message: 'device lost' });
    expect(failing.leaked()).toBe(0);
    const never = toyDecoder([prompt], scoresOf);
    expect(await failureOf(logLikelihoods(never, wide, AbortSignal.abort()))).toMatchObject({
      code: 'aborted',
    });
    expect(never.steps).toEqual([]);
  });
});
