/** How well a few typed letters fit a name. */

/** The letters of one word in their order; the closer together and the nearer to beginnings of words, the better. */
function wordScore(word: string, text: string): number | null {
  const whole = text.indexOf(word);
  if (whole >= 0) return 100 - Math.min(whole, 40) + (isStart(text, whole) ? 60 : 0);
  let score = 0;
  let at = -1;
  for (const letter of word) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    score += isStart(text, next) ? 8 : next === at + 1 ? 4 : 0;
    at = next;
  }
  // Letters strewn over a long text say nothing.
  return score >= 4 * (word.length - 1) ? score : null;
}

function isStart(text: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1] ?? '');
}

/** Null where any word of the query does not fit. */
export function fuzzyScore(query: string, text: string): number | null {
  const lower = text.toLowerCase();
  let sum = 0;
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const score = wordScore(word, lower);
    if (score === null) return null;
    sum += score;
  }
  return sum;
}

/** Those that fit, best first; all in their own order while nothing is typed. */
export function fuzzy<T>(query: string, items: readonly T[], nameOf: (item: T) => string): T[] {
  return items
    .flatMap((item) => {
      const score = fuzzyScore(query, nameOf(item));
      return score === null ? [] : [{ item, score }];
    })
    .sort((a, b) => b.score - a.score)
    .map(({ item }) => item);
}
