/** From scores to the next token: the rules that forbid or discourage tokens, and the choice itself. */

/** What every step obeys, in this order; the numbers mean what they mean in `transformers`. */
export interface Rules {
  /** 1 is off; above, tokens that were seen become less likely. */
  repetitionPenalty: number;
  /** No run of this many tokens occurs twice; 0 is off. */
  noRepeatNgram: number;
  /** The text cannot end before this many new tokens. */
  minNewTokens: number;
  stopIds: readonly number[];
}

/** Random choice; without it the likeliest token is taken. */
export interface Sampling {
  /** Above 1 flatter, below 1 sharper; over 0. */
  temperature: number;
  /** Keep this many of the likeliest; 0 keeps all. */
  topK: number;
  /** Keep the likeliest whose probabilities reach this; 1 keeps all. */
  topP: number;
  seed: number;
  /** One for each row, in place of `seed`. */
  seeds?: readonly number[];
}

/** log(softmax(scores)), in a new array. */
export function logSoftmax(scores: Float32Array): Float32Array {
  const shift = logSumExp(scores);
  return scores.map((x) => x - shift);
}

/** log of the sum of e^score: what a score is above its log probability. For every token of every row, hence the plain loop. */
export function logSumExp(scores: Float32Array): number {
  const top = scores[argmax(scores)] ?? 0;
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - top);
  return top + Math.log(sum);
}

/** Applies the rules to the scores of one row, in place; `seen` is its prompt and new tokens, `made` how many are new. */
export function applyRules(scores: Float32Array, rules: Rules, seen: readonly number[], made: number): void {
  if (rules.repetitionPenalty !== 1) penalise(scores, rules.repetitionPenalty, seen);
  if (rules.noRepeatNgram > 0) for (const id of repeating(seen, rules.noRepeatNgram)) scores[id] = -Infinity;
  if (made < rules.minNewTokens) for (const id of rules.stopIds) scores[id] = -Infinity;
}

/** Scores of either sign move away from being chosen (CTRL, Keskar et al. 2019). */
function penalise(scores: Float32Array, penalty: number, seen: readonly number[]): void {
  for (const id of new Set(seen)) {
    const score = scores[id] ?? 0;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
}

/** Tokens that would complete a run of `size` tokens that has been there before. */
function repeating(seen: readonly number[], size: number): number[] {
  const start = seen.length - size + 1;
  if (start < 1) return [];
  const tail = seen.slice(start);
  const banned: number[] = [];
  for (let at = 0; at < start; at++) {
    const next = seen[at + size - 1];
    if (next !== undefined && tail.every((id, i) => seen[at + i] === id)) banned.push(next);
  }
  return banned;
}

/** Index of the highest score; the first of equals. */
export function argmax(scores: Float32Array): number {
  let [best, top] = [0, scores[0] ?? 0];
  for (let id = 1; id < scores.length; id++) {
    const score = scores[id] ?? 0;
    if (score > top) [best, top] = [id, score];
  }
  return best;
}

/** A generator of numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws a token after temperature, top-k and top-p, in this order; `random` gives 0 up to 1. */
export function draw(scores: Float32Array, sampling: Sampling, random: () => number): number {
  if (sampling.topK === 0 && sampling.topP >= 1) return drawFromAll(scores, sampling.temperature, random());
  const kept = likeliest(scores, sampling);
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  let left = random() * total;
  for (const { id, weight } of kept) {
    left -= weight;
    if (left < 0) return id;
  }
  return kept.at(-1)?.id ?? argmax(scores);
}

/** The same where all are kept: the likeliest are few, and all others need not be sorted. */
function drawFromAll(scores: Float32Array, temperature: number, share: number): number {
  const weights = weightsOf(scores, temperature);
  let sum = 0;
  for (const weight of weights) sum += weight;
  let left = share * sum;
  let last = argmax(weights);
  for (let best = last; (weights[best] ?? 0) > 0; best = argmax(weights)) {
    last = best;
    left -= weights[best] ?? 0;
    if (left < 0) break;
    weights[best] = 0;
  }
  return last;
}

/** Unnormalised probabilities, the likeliest token's 1. */
function weightsOf(scores: Float32Array, temperature: number): Float32Array {
  const top = scores[argmax(scores)] ?? 0;
  return scores.map((score) => Math.exp((score - top) / temperature));
}

/** The tokens that may be drawn, likeliest first, with their unnormalised probabilities. */
export function likeliest(scores: Float32Array, sampling: Sampling): { id: number; weight: number }[] {
  const weights = weightsOf(scores, sampling.temperature);
  const smallest = sampling.topK > 0 ? (weights.toSorted().at(-sampling.topK) ?? 0) : 0;
  const kept = Array.from(weights, (weight, id) => ({ id, weight })).filter(
    ({ weight }) => weight > 0 && weight >= smallest,
  );
  kept.sort((a, b) => b.weight - a.weight);
  const enough = sampling.topP * kept.reduce((sum, { weight }) => sum + weight, 0);
  let before = 0;
  return kept.filter(({ weight }, place) => {
    const keep = place === 0 || before < enough;
    before += weight;
    return keep;
  });
}
