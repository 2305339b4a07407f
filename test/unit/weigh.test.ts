/** Answers of a classifier that a writer weighs. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/main/inference/model.ts';
import { hasOneOf, weigh } from '../../src/main/inference/weigh.ts';

const facts = { among: 3, share: 0.5, reach: 4, article: 'a ', less: { words: ['how many'], share: 0.25 } };
const answers = [
  { text: 'a dog', probability: 0.5 },
  { text: 'cat', probability: 0.3 },
  { text: 'horse', probability: 0.15 },
  { text: 'bird', probability: 0.05 },
];
/** What the writer gives each text, 1e-4 to all others. */
const chances: Record<string, number> = { dog: 0.01, 'a dog': 0.03, cat: 0.09, 'a cat': 0.27, 'a bird': 0.9 };
const score: NonNullable<Model['score']> = async (_, texts) =>
  texts.map((text) => ({ logProbability: Math.log(chances[text] ?? 1e-4), tokens: 2 }));

const weighed = (question: string): ReturnType<typeof weigh> =>
  weigh(score, new Float32Array(), answers, facts, { prompt: { question } });

describe('answers weighed by a writer', () => {
  it('are ordered by both, with their article and without, and the rest is out', async () => {
    // By hand: 0.5 * sqrt(0.01 + 0.03), 0.3 * sqrt(0.09 + 0.27), and 0.15 * sqrt(0.36 / e^4), which is more than 2e-4.
    const weights = [0.1, 0.18, 0.09 / Math.exp(2)];
    const total = weights.reduce((sum, weight) => sum + weight);
    const found = await weighed('what animal is this?');
    expect(found.map(({ text }) => text)).toEqual(['cat', 'a dog', 'horse']);
    const expected = [weights[1], weights[0], weights[2]];
    for (const [at, { probability }] of found.entries())
      expect(probability).toBeCloseTo((expected[at] ?? 0) / total, 5);
  });

  it('are by another share where a question has one of its words, and no answer is lifted', async () => {
    const found = await weighed('How many animals?');
    const weights = [0.5 * 0.04 ** 0.25, 0.3 * 0.36 ** 0.25, 0.15 * 2e-4 ** 0.25];
    const total = weights.reduce((sum, weight) => sum + weight);
    expect(found.map(({ text }) => text)).toEqual(['cat', 'a dog', 'horse']);
    expect(found[0]?.probability).toBeCloseTo((weights[1] ?? 0) / total, 5);
    expect(found[2]?.probability).toBeCloseTo((weights[2] ?? 0) / total, 5);
  });

  it('asks the writer the same question, end included', async () => {
    const asked: unknown[] = [];
    const listening: typeof score = (prefix, texts, options) => {
      asked.push([texts, options]);
      return score(prefix, texts);
    };
    const options = { prompt: { question: 'what is it?', history: [{ question: 'q', answer: 'a' }] } };
    await weigh(listening, new Float32Array(), answers, facts, options);
    expect(asked).toEqual([
      [['a dog', 'dog', 'cat', 'a cat', 'horse', 'a horse'], { ...options, end: true }],
    ]);
  });

  it('finds a word, not a part of one', () => {
    expect(hasOneOf('How MANY?', ['many'])).toBe(true);
    expect(hasOneOf('is this Germany?', ['many'])).toBe(false);
  });

  it('finds words that follow each other', () => {
    expect(hasOneOf('And how  many, please?', ['how many'])).toBe(true);
    expect(hasOneOf('are there many people, and how are they?', ['how many'])).toBe(false);
  });
});
