/** Decoding over fixed scores: equal to `transformers`, the same alone and in a batch, and stoppable. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { beamSearch } from '../../src/main/inference/beam.ts';
import { confidence, decodeRows, settled, type Decoding } from '../../src/main/inference/generate.ts';
import { logLikelihoods } from '../../src/main/inference/likelihood.ts';
import { failureOf, readGolden, toyDecoder } from './inference-helpers.ts';

const numbers = z.array(z.number());
const goldenSchema = z.object({
  byToken: z.array(numbers),
  byPosition: z.array(numbers),
  eos: z.int(),
  maxNewTokens: z.int(),
  cases: z.array(
    z.object({
      name: z.string(),
      settings: z.object({
        num_beams: z.int().default(1),
        length_penalty: z.number().default(1),
        early_stopping: z.union([z.boolean(), z.literal('never')]).default(true),
        repetition_penalty: z.number().default(1),
        no_repeat_ngram_size: z.int().default(0),
        min_new_tokens: z.int().default(0),
        max_new_tokens: z.int().optional(),
        eos_token_id: numbers.optional(),
      }),
      prompt: numbers,
      tokens: numbers,
      logProbs: numbers,
    }),
  ),
});

const golden = await readGolden('generate.json', goldenSchema);
type Case = (typeof golden.cases)[number];

function scoresOf(tokens: number[]): number[] {
  const position = golden.byPosition[tokens.length - 1] ?? [];
  return (golden.byToken[tokens.at(-1) ?? 0] ?? []).map((score, id) =>
    Math.fround(score + (position[id] ?? 0)),
  );
}

function decodingOf({ settings, prompt }: Case): Decoding {
  return {
    maxNewTokens: settings.max_new_tokens ?? golden.maxNewTokens,
    minNewTokens: settings.min_new_tokens,
    repetitionPenalty: settings.repetition_penalty,
    noRepeatNgram: settings.no_repeat_ngram_size,
    stopIds: settings.eos_token_id ?? [golden.eos],
    prompt,
  };
}

async function decode(one: Case, decoding: Decoding) {
  const decoder = toyDecoder([one.prompt], scoresOf);
  const { num_beams: beams, length_penalty: lengthPenalty, early_stopping: earlyStopping } = one.settings;
  const sequence =
    beams > 1
      ? await beamSearch(decoder, { ...decoding, beams, lengthPenalty, earlyStopping })
      : (await decodeRows(decoder, decoding))[0];
  expect(decoder.leaked()).toBe(0);
  return sequence;
}

describe('decoding equals transformers', () => {
  it.each(golden.cases)('$name after $prompt', async (one) => {
    const decoding = decodingOf(one);
    const sequence = await decode(one, decoding);
    const last = one.tokens.at(-1);
    const stopped = last !== undefined && decoding.stopIds.includes(last);
    expect(sequence?.tokens).toEqual(stopped ? one.tokens.slice(0, -1) : one.tokens);
    expect(sequence?.ended).toBe(stopped ? 'stop-id' : 'length');
    expect(sequence?.logProbs.length).toBe(one.logProbs.length);
    one.logProbs.forEach((expected, at) => expect(sequence?.logProbs[at]).toBeCloseTo(expected, 4));
  });

  it.each([
    ['false', false, true],
    ['never', 'never', true],
    ['never', 'never', false],
  ] as const)('notices a search that is to stop early as %s', async (_, right, wrong) => {
    const cases = golden.cases.filter(({ settings }) => settings.early_stopping === right);
    const found = await Promise.all(
      cases.map(async (one) => {
        const other = { ...one, settings: { ...one.settings, early_stopping: wrong } };
        const [expected, sequence] = [
          await decode(one, decodingOf(one)),
          await decode(other, decodingOf(one)),
        ];
        return sequence?.tokens.join() !== expected?.tokens.join();
      }),
    );
    expect(found).toContain(true);
  });

  it('notices a rule that is missing', async () => {
    const ruled = golden.cases.filter(({ name }) =>
      /all rules|repeated|penalty|at least|long|short/.test(name),
    );
    const ignoring = { repetitionPenalty: 1, noRepeatNgram: 0, minNewTokens: 0 };
    const texts = await Promise.all(
      ruled.map(async (one) => {
        const neutral = { ...one, settings: { ...one.settings, length_penalty: 1 } };
        const sequence = await decode(neutral, { ...decodingOf(one), ...ignoring });
        return sequence?.tokens.join() !== one.tokens.filter((id) => id !== golden.eos).join();
      }),
    );
    expect(texts.filter(Boolean).length).toBeGreaterThan(ruled.length / 2);
  });
});

const plain: Decoding = {
  maxNewTokens: 14,
  minNewTokens: 0,
  repetitionPenalty: 1,
  noRepeatNgram: 0,
  stopIds: [golden.eos],
};

describe('a batch', () => {
  const prompts = [[1], [9], [4], [17], [20], [3], [7]];

  it('gives each row what it gets alone, and drops rows that have ended', async () => {
    const together = toyDecoder(prompts, scoresOf);
    const rows = await decodeRows(together, plain);
    const alone = await Promise.all(
      prompts.map((prompt) => decodeRows(toyDecoder([prompt], scoresOf), plain)),
    );
    expect(rows).toEqual(alone.flat());
    expect(new Set(rows.map((row) => row.tokens.length)).size).toBeGreaterThan(1);
    expect(together.steps.at(-1)).toBeLessThan(prompts.length);
    expect(together.leaked()).toBe(0);
  });

  it('samples each row as it would alone', async () => {
    const sampling = { temperature: 1.5, topK: 0, topP: 1, seed: 5 };
    const rows = await decodeRows(toyDecoder(prompts, scoresOf), { ...plain, sampling });
    const alone = await Promise.all(
      prompts.map((prompt) => decodeRows(toyDecoder([prompt], scoresOf), { ...plain, sampling })),
    );
    expect(rows).toEqual(alone.flat());
  });
});

const stalling = (['prompt', 'next token'] as const).flatMap((step) =>
  (['greedy', 'beams', 'likelihood'] as const).map((kind) => [step, kind] as const),
);

describe('stopping', () => {
  it.each(['greedy', 'beams'])('aborts between two steps (%s), with nothing left behind', async (kind) => {
    const abort = new AbortController();
    const decoder = toyDecoder([[1]], (tokens) => {
      if (tokens.length === 3) abort.abort();
      return scoresOf([...tokens.slice(0, -1), 4]);
    });
    const decoding = { ...plain, stopIds: [], signal: abort.signal };
    const run =
      kind === 'greedy'
        ? decodeRows(decoder, decoding)
        : beamSearch(decoder, { ...decoding, beams: 3, lengthPenalty: 1 });
    expect(await failureOf(run)).toMatchObject({ code: 'aborted' });
    expect(decoder.steps.length).toBe(3);
    expect(decoder.leaked()).toBe(0);
  });

  it.each(stalling)('frees the caller while the %s is still being read (%s)', async (step, kind) => {
    const abort = new AbortController();
    const decoder = toyDecoder([[1]], (tokens) => scoresOf([...tokens.slice(0, -1), 4]));
    const stalled = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<undefined>();
    const stall = async <T>(run: () => Promise<T>): Promise<T> => {
      begun.resolve(undefined);
      await stalled.promise;
      return await run();
    };
    const slow: typeof decoder =
      step === 'prompt'
        ? { ...decoder, start: () => stall(() => decoder.start()) }
        : { ...decoder, next: (ids, cache) => stall(() => decoder.next(ids, cache)) };
    const decoding = { ...plain, stopIds: [], signal: abort.signal };
    const run = {
      greedy: () => decodeRows(slow, decoding),
      beams: () => beamSearch(slow, { ...decoding, beams: 3, lengthPenalty: 1 }),
      likelihood: () => logLikelihoods(slow, [[2, 3, 4]], abort.signal),
    };
    const failure = failureOf(run[kind]());
    await begun.promise;
    abort.abort();
    // The step has not ended, and does not before the caller has its error.
    expect(await failure).toMatchObject({ code: 'aborted' });
    const before = decoder.steps.length;
    let quiet = false;
    const end = settled().then(() => (quiet = true));
    await new Promise(setImmediate);
    expect(quiet).toBe(false);
    stalled.resolve(undefined);
    await end;
    expect(decoder.steps).toHaveLength(before + 1);
    expect(decoder.leaked()).toBe(0);
  });

  it('does not start when it is aborted already', async () => {
    const decoder = toyDecoder([[1]], scoresOf);
    const signal = AbortSignal.abort();
    expect(await failureOf(decodeRows(decoder, { ...plain, signal }))).toMatchObject({ code: 'aborted' });
    expect(decoder.steps).toEqual([]);
  });

  it('frees the cache when a step fails', async () => {
    const decoder = toyDecoder([[1]], (tokens) => {
      if (tokens.length > 2) throw new Error('device lost');
      return scoresOf(tokens);
    });
    expect(await failureOf(decodeRows(decoder, { ...plain, stopIds: [] }))).toMatchObject({
      message: 'device lost',
    });
    expect(decoder.leaked()).toBe(0);
  });

  it('ends a row when the watcher says so, and only that row', async () => {
    const watch = (row: number, tokens: readonly number[]): boolean => row === 1 && tokens.length === 2;
    const rows = await decodeRows(toyDecoder([[1], [1]], scoresOf), { ...plain, stopIds: [], watch });
    expect(rows.map((row) => [row.ended, row.tokens.length])).toEqual([
      ['length', 14],
      ['watch', 2],
    ]);
  });
});

describe('confidence', () => {
  it('is the geometric mean of the probabilities, the end included', () => {
    const logProbs = [Math.log(0.5), Math.log(0.125)];
    expect(confidence({ tokens: [4], logProbs, ended: 'stop-id' })).toBeCloseTo(0.25, 10);
    expect(confidence({ tokens: [], logProbs: [], ended: 'length' })).toBe(0);
  });

  it("is the model's own, whatever the rules forbid", async () => {
    const scores = [Math.log(0.7), Math.log(0.2), Math.log(0.1)];
    const decoding = { ...plain, stopIds: [0], minNewTokens: 1, maxNewTokens: 2 };
    const [row] = await decodeRows(
      toyDecoder([[1]], () => scores),
      decoding,
    );
    expect(row?.tokens).toEqual([1]);
    expect(row?.logProbs.map((x) => Math.exp(x).toFixed(3))).toEqual(['0.200', '0.700']);
  });
});
