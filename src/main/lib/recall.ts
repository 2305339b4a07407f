/** How well rankings hold what they should: recall among the first k, and whether one ranking beats another. */

/** Below this a split of wins is not chance. */
export const surely = 0.05;

/** The share of `wanted` among the first `k` of `found`; of k at most, so that a perfect ranking has 1. */
export function recallAt(found: readonly number[], wanted: ReadonlySet<number>, k: number): number {
  const hits = found.slice(0, k).filter((id) => wanted.has(id)).length;
  return hits / Math.min(k, wanted.size);
}

/**
 * The two-sided sign test: how likely chance alone splits the pairs that differ at least so unevenly.
 * Five wins to none give 0.06: with fewer than six pairs that differ, nothing can be told.
 */
export function signTest(wins: number, losses: number): number {
  const pairs = wins + losses;
  let tail = 0;
  let term = 0.5 ** pairs; // of the binomial distribution, beginning with no success
  for (let successes = 0; successes <= Math.min(wins, losses); successes++) {
    tail += term;
    term *= (pairs - successes) / (successes + 1);
  }
  return Math.min(1, 2 * tail);
}

export function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}
