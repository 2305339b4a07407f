/**
 * Answers that a classifier finds likely, weighed by a writer: a product of two experts (Hinton 2002), of which one
 * knows all its answers and the other reads them as text. Either errs on its own.
 */
import { z } from 'zod';
import type { Answered, Model, ScoreOptions } from './model.ts';
import { logSoftmax, logSumExp } from './sampling.ts';

export const weighedSchema = z.strictObject({
  /** So many of the likeliest are weighed; the others are out. */
  among: z.int().positive(),
  /** What the writer's log probability counts beside the classifier's. */
  share: z.number().positive().max(4),
  /** No answer counts as further below the writer's likeliest, in log probability: what it never read it cannot judge. */
  reach: z.number().positive(),
  /** An answer counts with this before it and without, "a " in English: which of them is said is no matter. */
  article: z.string().min(1),
  /** In questions with one of these ("how many") the writer counts for another share, however unlikely it finds an answer. */
  less: z
    .strictObject({
      words: z.array(z.string().min(1)).min(1),
      share: z.number().positive().max(4),
    })
    .optional(),
});

/** Whether a text has one of some words, or several that follow each other. */
export function hasOneOf(text: string, words: readonly string[]): boolean {
  const own = ` ${text.toLowerCase().replaceAll(/[^\p{L}]+/gu, ' ')} `;
  return words.some((word) => own.includes(` ${word} `));
}

/**
 * A question's answers, likeliest first -> the first of them in a new order: log p(answer) + share * log p(text | photo,
 * question), brought to the sum of 1. The end of the text counts, so that short answers have no advantage.
 */
export async function weigh(
  score: NonNullable<Model['score']>,
  prefix: Float32Array,
  answers: readonly Answered[],
  { among, article, ...facts }: z.infer<typeof weighedSchema>,
  options: ScoreOptions,
): Promise<Answered[]> {
  const first = answers.filter(({ probability }) => probability > 0).slice(0, among);
  const texts = first.flatMap(({ text }) => {
    const other = text.startsWith(article) ? text.slice(article.length) : article + text;
    return [text, other];
  });
  const scored = await score(prefix, texts, { ...options, end: true });
  const theirs = first.map((_, at) => {
    const either = scored.slice(2 * at, 2 * at + 2).map(({ logProbability }) => logProbability);
    return logSumExp(Float32Array.from(either));
  });
  const likeliest = Math.max(...theirs);
  if (!Number.isFinite(likeliest)) return first;
  const { share, reach } = trusted(options.prompt?.question ?? '', facts);
  const logs = theirs.map(
    (log, at) => Math.log(first[at]?.probability ?? 0) + share * Math.max(log, likeliest - reach),
  );
  const shares = logSoftmax(Float32Array.from(logs));
  return first
    .map(({ text }, at) => ({ text, probability: Math.exp(shares[at] ?? -Infinity) }))
    .sort((a, b) => b.probability - a.probability);
}

/** What the writer's log probability counts, and how far below its likeliest an answer may. */
function trusted(
  question: string,
  { share, reach, less }: Pick<z.infer<typeof weighedSchema>, 'share' | 'reach' | 'less'>,
): { share: number; reach: number } {
  return less && hasOneOf(question, less.words) ? { share: less.share, reach: Infinity } : { share, reach };
}
