/** Boxes in answers; those of Florence-2 are compared with the original's in test/parity/families/vlm.test.ts. */
import { describe, expect, it } from 'vitest';
import { readBoxes, wordsOf } from '../../src/main/inference/boxes.ts';

/** Ids from 100 are places, the others characters of a small alphabet. */
const decode = (ids: readonly number[]): string => ids.map((id) => ' ;abcdef'[id] ?? '').join('');
const places = { first: 100, count: 1024, bins: 1024, centre: false, order: 'yxyx', label: 'after' } as const;
const dog = [100 + 256, 100 + 128, 100 + 512, 100 + 1023, 0, 2, 3, 4];

describe('boxes before their labels, top first, as PaliGemma writes them', () => {
  it('reads each, and the labels alone as words', () => {
    const tokens = [...dog, 0, 1, 0, 100, 100, 612, 612, 0, 5];
    expect(readBoxes(places, tokens, decode)).toEqual([
      { label: 'abc', box: [0.125, 0.25, 1023 / 1024, 0.5] },
      { label: 'd', box: [0, 0, 0.5, 0.5] },
    ]);
    expect(wordsOf(places, tokens, decode)).toBe('abc, d');
  });

  it('leaves out a box that is cut short, not one without a label', () => {
    expect(readBoxes(places, dog.slice(1), decode)).toEqual([]);
    expect(readBoxes(places, dog.slice(0, 4), decode)).toMatchObject([{ label: '' }]);
    expect(readBoxes(places, [2, 3], decode)).toEqual([]);
  });

  it('leaves a text without places as it is', () => {
    expect(wordsOf(places, [2, 1, 0, 3], decode)).toBe('a; b');
  });
});
