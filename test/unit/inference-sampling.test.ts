/** Random choice: repeatable by its seed, and distributed as temperature, top-k and top-p say. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { draw, likeliest, seededRandom, type Sampling } from '../../src/main/inference/sampling.ts';
import { readGolden } from './inference-helpers.ts';

const golden = await readGolden(
  'generate.json',
  z.object({
    byToken: z.array(z.array(z.number())),
    warped: z.array(
      z.object({
        row: z.int(),
        temperature: z.number(),
        top_k: z.int(),
        top_p: z.number(),
        probabilities: z.array(z.number()),
      }),
    ),
  }),
);

const probabilities = [0.05, 0.4, 0.1, 0.25, 0.2];
const scores = Float32Array.from(probabilities, Math.log);
const free: Sampling = { temperature: 1, topK: 0, topP: 1, seed: 1 };

/** How often each token comes in 40,000 draws. */
function shares(sampling: Sampling): number[] {
  const random = seededRandom(sampling.seed);
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < 40_000; i++) {
    const id = draw(scores, sampling, random);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / 40_000);
}

function expectShares(sampling: Sampling, expected: number[]): void {
  const found = shares(sampling);
  // Three standard deviations of a share of 40,000 draws are at most 0.0075.
  expected.forEach((share, id) =>
    expect(Math.abs((found[id] ?? 0) - share), `token ${id}`).toBeLessThan(0.0075),
  );
}

describe('sampling', () => {
  it('gives the same text for the same seed, and another for another', () => {
    const sequence = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 50 }, () => draw(scores, free, random));
    };
    expect(sequence(3)).toEqual(sequence(3));
    expect(sequence(3)).not.toEqual(sequence(4));
  });

  it.each(golden.warped)(
    'draws from what transformers does: row $row, temperature $temperature, k $top_k, p $top_p',
    ({ row, temperature, top_k: topK, top_p: topP, probabilities: expected }) => {
      const kept = likeliest(Float32Array.from(golden.byToken[row] ?? []), {
        temperature,
        topK,
        topP,
        seed: 1,
      });
      const total = kept.reduce((sum, { weight }) => sum + weight, 0);
      const found = expected.map((_, id) => (kept.find((one) => one.id === id)?.weight ?? 0) / total);
      found.forEach((share, id) => expect(share, `token ${id}`).toBeCloseTo(expected[id] ?? NaN, 5));
    },
  );

  it('draws by the probabilities', () => expectShares(free, probabilities));

  it('keeps the likeliest k', () => {
    expectShares({ ...free, topK: 2 }, [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0]);
    expectShares({ ...free, topK: 99 }, probabilities);
  });

  it('keeps the likeliest whose probabilities reach p', () => {
    expectShares({ ...free, topP: 0.5 }, [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0]);
    expectShares({ ...free, topP: 0.01 }, [0, 1, 0, 0, 0]);
  });

  it('applies temperature first, then k, then p', () => {
    const squared = probabilities.map((p) => p * p);
    const top = (squared[1] ?? 0) + (squared[3] ?? 0);
    expectShares({ ...free, temperature: 0.5, topK: 3, topP: 0.8 }, [0, 0.16 / top, 0, 0.0625 / top, 0]);
  });

  it('never draws what a rule forbids', () => {
    const forbidden = Float32Array.from([-Infinity, 0, -Infinity]);
    expect(likeliest(forbidden, free).map(({ id }) => id)).toEqual([1]);
    expect(draw(forbidden, free, () => 0.999999)).toBe(1);
  });

  it('keeps all of equals at the edge of k, as transformers does', () => {
    const equal = Float32Array.from([1, 1, 1, 0]);
    expect(likeliest(equal, { ...free, topK: 2 }).map(({ id }) => id)).toEqual([0, 1, 2]);
  });
});
