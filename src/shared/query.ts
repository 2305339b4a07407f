/**
 * The query language: plain words, `"an exact phrase"`, and `-word` or `-"a phrase"` for what must not be there.
 *
 * Anything that is not plainly an operator is text: a lone quote, a dash inside or beside words.
 */

export interface ParsedQuery {
  /** What to look for, phrases included, operators taken off. */
  text: string;
  /** Each must stand like this in a photo's caption, name or chat. */
  phrases: string[];
  /** Words and phrases of photos that are left out. */
  without: string[];
}

/** An operator at the start of the query or after a space: a dash, quoted words, or both. */
const operator = /(?<=^|\s)(?:(-?)"([^"]*[\p{L}\p{N}][^"]*)"|-([\p{L}\p{N}]\S*))(?=\s|$)/gu;

/** An operator as it stands in a query. */
export interface Operator {
  raw: string;
  /** The words it holds, without quotes and dash. */
  words: string;
  leavesOut: boolean;
}

/** The operators of a query, in order. */
export function operatorsOf(query: string): Operator[] {
  return [...query.matchAll(operator)].map(([raw, dash, quoted, word]) => ({
    raw,
    words: (word ?? quoted ?? '').trim(),
    leavesOut: word !== undefined || dash === '-',
  }));
}

/** Operators that are heeded; each costs a search, and more are nobody's. */
const mostOperators = 32;

export function parseQuery(query: string): ParsedQuery {
  const phrases: string[] = [];
  const without: string[] = [];
  const text = query.replaceAll(operator, (_, dash: string, quoted?: string, word?: string) => {
    if (phrases.length + without.length >= mostOperators) return '';
    if (word !== undefined || dash) {
      without.push((word ?? quoted ?? '').trim());
      return '';
    }
    phrases.push((quoted ?? '').trim());
    return quoted ?? '';
  });
  return { text: text.replaceAll(/\s+/g, ' ').trim(), phrases, without };
}
