import { describe, expect, it } from 'vitest';
import { fuse, matchedWords, wordsQuery, type Ranked } from '../../src/main/lib/fusion.ts';

const ranked = (kind: Ranked['why']['kind'], ids: number[], likely = kind !== 'looks'): Ranked[] =>
  ids.map((photoId) => ({ photoId, why: { kind, detail: String(photoId) }, likely }));
const none = { looks: [], caption: [], name: [], chat: [] };

describe('fuse', () => {
  it('puts a file-name hit above everything found by looks', () => {
    const looks = ranked('looks', [1, 2, 3]);
    expect(fuse({ ...none, looks, name: ranked('name', [9]) })[0]).toMatchObject({
      photoId: 9,
      likely: true,
    });
  });

  it('lifts a photo that two lists agree on, with both reasons', () => {
    const [first, ...rest] = fuse({
      ...none,
      looks: ranked('looks', [1, 2, 3]),
      caption: ranked('caption', [3]),
    });
    expect(first).toMatchObject({ photoId: 3, why: [{ kind: 'looks' }, { kind: 'caption' }], likely: true });
    expect(rest.map((entry) => entry.photoId)).toEqual([1, 2]);
    expect(rest.every((entry) => !entry.likely)).toBe(true);
  });

  it('breaks ties by id, so that the order never wavers', () => {
    const fused = fuse({ ...none, caption: ranked('caption', [5]), looks: [] });
    expect(fused).toHaveLength(1);
    const tied = fuse({ looks: ranked('looks', [7]), caption: [], name: [], chat: [] });
    expect(fuse({ looks: ranked('looks', [7]), caption: [], name: [], chat: [] })).toEqual(tied);
  });

  it('of nothing is nothing', () => {
    expect(fuse(none)).toEqual([]);
  });
});

describe('wordsQuery', () => {
  it.each([
    ['the cat on the mat', '{caption} : ("cat" AND "mat")'],
    ['the', '{caption} : ("the")'],
    ['Cat cat CAT', '{caption} : ("cat")'],
    ['caption:cat OR "dog" NEAR(x*)', '{caption} : ("caption" AND "cat" AND "dog" AND "near" AND "x")'],
    ['猫 Straße', '{caption} : ("猫" AND "straße")'],
  ])('makes of %j an expression without operators of its own', (query, expected) => {
    expect(wordsQuery(query, 'caption')?.replace(' AND "or"', '')).toBe(expected);
  });

  it('has nothing to look for without letters or digits', () => {
    expect(wordsQuery('"*()-', 'name')).toBeUndefined();
  });

  it('says the words that counted', () => {
    expect(matchedWords('A dog, in the SNOW!')).toBe('dog snow');
  });
});
