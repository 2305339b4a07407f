/** The grid's geometry, apart from any browser: rows, blocks, neighbours. */
import { describe, expect, test } from 'vitest';
import { boxesOf, heightOf, justify, shownRatio, type RowStyle } from '../../src/renderer/lib/justify.ts';
import { blocksOf, boxAt, indexBeside, spotsBetween, stepFrom } from '../../src/renderer/state/layout.ts';
import { world } from './fake-world.ts';

const style: RowStyle = { width: 1100, target: 210, gap: 4, below: 0 };
const { photos } = world({ photos: 950 });
const ratios = Float32Array.from(photos, ({ width, height }) => shownRatio(width / height));

describe('justified rows', () => {
  const rows = (width: number, last: boolean): Map<number, { right: number; height: number }> => {
    const found = new Map<number, { right: number; height: number }>();
    const some = ratios.subarray(0, 200);
    const justified = justify(some, { ...style, width }, last);
    for (const box of boxesOf(justified, some, { ...style, width })) {
      found.set(box.y, { right: box.x + box.width, height: box.height });
    }
    return found;
  };
  for (const width of [320, 500, 778, 1100, 1900]) {
    test(`at ${width} px every row ends at the edge, between 120 and 320 px tall`, () => {
      for (const row of rows(width, false).values()) {
        expect(row.right).toBe(width);
        expect(row.height).toBeGreaterThanOrEqual(width < 500 ? 80 : 120);
        expect(row.height).toBeLessThanOrEqual(336);
      }
    });
  }
  test('only the last row of a section may end early, at about the usual height', () => {
    const all = [...rows(1100, true).values()];
    expect(all.slice(0, -1).every((row) => row.right === 1100)).toBe(true);
    expect(all.at(-1)?.height).toBeLessThanOrEqual(242);
  });
  test('one photo, none, and extremes', () => {
    expect(justify(new Float32Array(), style, true)).toEqual([]);
    expect(heightOf(new Float32Array(), style, true)).toBe(0);
    expect(justify(Float32Array.of(1.5), style, true)[0]?.height).toBeLessThanOrEqual(242);
    expect(shownRatio(0)).toBe(1.4);
    expect(shownRatio(NaN)).toBe(1.4);
    expect(shownRatio(3000)).toBe(3.2);
    expect(shownRatio(0.001)).toBe(0.5);
  });
});

describe('blocks', () => {
  const whole = [{ key: null, count: 950 }];
  const blocks = blocksOf(whole, ratios, style);

  test('they stand under each other, and every photo has its box', () => {
    expect(blocks.length).toBe(10);
    for (const [at, block] of blocks.entries()) {
      expect(block.top).toBe(blocks.slice(0, at).reduce((sum, above) => sum + above.height, 0));
    }
    for (let index = 0; index < 950; index++) expect(boxAt(blocks, index)).toBeDefined();
    expect(boxAt(blocks, 950)).toBeUndefined();
  });
  test('a photo of another shape moves nothing inside other blocks', () => {
    const before = blocksOf(whole, ratios.with(350, 3), style);
    expect(before[3]?.boxes()).not.toEqual(blocks[3]?.boxes());
    expect(before[4]?.boxes()).toEqual(blocks[4]?.boxes());
  });
  test('a block is as high as its photos', () => {
    for (const block of blocks) {
      const foot = Math.max(...block.boxes().map(({ y, height }) => y + height));
      expect(block.height).toBe(foot + style.gap);
    }
  });
  test('down and up lead back, through all blocks', () => {
    let index = 2;
    const path = [index];
    for (let next = indexBeside(blocks, index, 1); next !== undefined; next = indexBeside(blocks, index, 1)) {
      expect(boxAt(blocks, next)?.y ?? 0).toBeGreaterThan(boxAt(blocks, index)?.y ?? 0);
      index = next;
      path.push(index);
    }
    expect(index).toBeGreaterThan(940);
    for (let at = path.length; at > 1; at--) index = indexBeside(blocks, index, -1) ?? -1;
    expect(boxAt(blocks, index)?.y).toBe(0);
    expect(indexBeside(blocks, index, -1)).toBeUndefined();
  });
  test('a page is as many rows as the height holds, one at least, and ends at the last', () => {
    const y = (index: number | undefined): number => boxAt(blocks, index ?? -1)?.y ?? NaN;
    const next = stepFrom(blocks, 2, 'pageDown', 1000);
    expect(y(next)).toBeGreaterThan(500);
    expect(y(next)).toBeLessThan(1000);
    expect(y(stepFrom(blocks, next ?? 0, 'pageUp', 1000))).toBe(y(2));
    expect(stepFrom(blocks, 2, 'pageDown', 10)).toBe(indexBeside(blocks, 2, 1));
    expect(y(stepFrom(blocks, 2, 'pageDown', 1e6))).toBe(y(949));
    expect(stepFrom(blocks, 949, 'pageDown', 1000)).toBeUndefined();
    expect(stepFrom(blocks, 3, 'last', 1000)).toBe(949);
  });
  test('a band draws what touches it and no more', () => {
    const tiles = spotsBetween(blocks, 3000, 4000);
    expect(tiles.length).toBeGreaterThan(10);
    for (const { box } of tiles) {
      expect(box.y).toBeLessThanOrEqual(4000);
      expect(box.y + box.height).toBeGreaterThanOrEqual(3000);
    }
  });
});
