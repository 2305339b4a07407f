/** Puts ranked lists together: reciprocal rank fusion (Cormack, Clarke and Buettcher 2009), file names on top. */
import type { Why } from '../../shared/contract.ts';

export interface Ranked {
  photoId: number;
  why: Why;
  likely: boolean;
}

export interface Fused {
  photoId: number;
  score: number;
  why: Why[];
  likely: boolean;
}

/** The constant of the method: how slowly later ranks fade. */
const rankOffset = 60;
const weights = { looks: 1, caption: 0.35, name: 2, chat: 0.2 };

export type Lists = Record<keyof typeof weights, Ranked[]>;

/** One list, best first; each photo keeps every reason it was found for. */
export function fuse(lists: Lists): Fused[] {
  const fused = new Map<number, Fused>();
  for (const kind of Object.keys(weights) as (keyof Lists)[])
    lists[kind].forEach(({ photoId, why, likely }, rank) => {
      const entry = fused.get(photoId) ?? { photoId, score: 0, why: [], likely: false };
      entry.score += weights[kind] / (rankOffset + rank + 1);
      entry.why.push(why);
      entry.likely ||= likely;
      fused.set(photoId, entry);
    });
  return [...fused.values()].sort((a, b) => b.score - a.score || a.photoId - b.photoId);
}

/** Words too common to find anything by. */
const common = new Set(
  'a an and are as at be by for from has he her his in into is it its of on or she that the their there they this to was were while with'.split(
    ' ',
  ),
);

function words(text: string): string[] {
  return (
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function terms(query: string): string[] {
  const all = words(query);
  const telling = all.filter((word) => !common.has(word));
  return [...new Set(telling.length > 0 ? telling : all)].slice(0, 32);
}

/**
 * An FTS5 expression in which every term of the query must occur in `column`; undefined without terms.
 * Terms are letters and digits only and quoted, so that no operator of FTS5 can be typed.
 */
export function wordsQuery(query: string, column: string): string | undefined {
  const quoted = terms(query).map((term) => `"${term}"`);
  return quoted.length > 0 ? `{${column}} : (${quoted.join(' AND ')})` : undefined;
}

/** An FTS5 expression for words that follow each other, in any column. */
export function phraseQuery(phrase: string): string {
  return `"${words(phrase).slice(0, 64).join(' ')}"`;
}

/** The words of the query that count, for saying why something matched. */
export function matchedWords(query: string): string {
  return terms(query).join(' ');
}
