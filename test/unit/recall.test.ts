/** Recall and the sign test against sums done by hand, and what a person's thumbs are kept as. */
import { describe, expect, it } from 'vitest';
import { meanOf, recallAt, signTest } from '../../src/main/lib/recall.ts';
import { judge, judged, judgedQueries } from '../../src/main/store/decisions.ts';
import { photoLibrary } from './store-helpers.ts';

describe('recall among the first k', () => {
  it('is the share of the right photos there, of k at most', () => {
    const found = [7, 1, 9, 3, 5];
    expect(recallAt(found, new Set([7, 9]), 1)).toBe(1);
    expect(recallAt(found, new Set([7, 9]), 5)).toBe(1);
    expect(recallAt(found, new Set([1, 8]), 1)).toBe(0);
    expect(recallAt(found, new Set([1, 8]), 5)).toBe(0.5);
    expect(recallAt([], new Set([1]), 10)).toBe(0);
    expect(meanOf([1, 0.5, 0])).toBe(0.5);
  });
});

describe('the sign test', () => {
  it.each([
    [0, 0, 1],
    [1, 0, 1],
    [5, 0, 0.0625],
    [6, 0, 0.03125],
    [0, 6, 0.03125],
    [8, 1, 20 / 512],
    [3, 3, 1],
    [60, 40, 0.0569],
  ])('%i wins and %i losses happen by chance with probability %f', (wins, losses, p) => {
    expect(signTest(wins, losses)).toBeCloseTo(p, 4);
  });
});

describe('thumbs', () => {
  it('are kept by the words, changed and taken back, for photos of the library alone', () => {
    const { db, ids } = photoLibrary({ 'a.jpg': {}, 'b.jpg': {} });
    const [a = 0, b = 0] = ids;
    const photo = (photoId: number | undefined): { photoId: number | undefined; path: Buffer } => ({
      ...{ photoId, path: Buffer.from('/photos/x.jpg') },
    });
    judge(db, ' a  dog', [photo(a), photo(b), photo(a)], true);
    judge(db, 'a dog', [photo(b)], false);
    judge(db, 'a cat', [photo(a)], false);
    expect([...judged(db, 'a dog ')]).toEqual([
      [a, true],
      [b, false],
    ]);
    expect(judgedQueries(db)).toEqual(['a cat', 'a dog']);
    judge(db, 'a cat', [photo(a), photo(b)], null);
    expect(judgedQueries(db)).toEqual(['a dog']);
    expect(() => judge(db, 'a dog', [photo(a), photo(undefined)], null)).toThrow(/x\.jpg is no photo/);
    expect(judged(db, 'a dog').size).toBe(2);
  });
});
