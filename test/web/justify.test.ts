/** The grid's geometry, apart from any browser: rows, blocks, neighbours. */
import { describe, expect, test } from 'vitest';
import { heightOf, justify, ratioOf, type RowStyle } from '../../src/renderer/lib/justify.ts';
import { boxAt, indexBeside, libraryBlocks, tilesBetween } from '../../src/renderer/state/layout.ts';
import { world } from './fake-world.ts';

const style: RowStyle = { width: 1100, target: 210, gap: 4, below: 0 };
const { photos } = world({ photos: 950 });

describe('justified rows', () => {
  const ratios = photos.map(ratioOf);
  const rows = (width: number, last: boolean): Map<number, { right: number; height: number }> => {
    const found = new Map<number, { right: number; height: number }>();
    for (const box of justify(ratios.slice(0, 200), { ...style, width }, last)) {
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
    expect(justify([], style, true)).toEqual([]);
    expect(heightOf([], style)).toBe(0);
    expect(justify([1.5], style, true)[0]?.height).toBeLessThanOrEqual(242);
    expect(ratioOf({ width: 0, height: 0 })).toBe(1.4);
    expect(ratioOf({ width: 30_000, height: 10 })).toBe(3.2);
    expect(ratioOf({ width: 10, height: 30_000 })).toBe(0.5);
  });
});

describe('blocks', () => {
  const pages = Array.from({ length: 10 }, (_, page) => photos.slice(page * 100, page * 100 + 100));
  const whole = [{ key: null, count: 950 }];
  const blocks = libraryBlocks(whole, pages, style);

  test('they stand under each other, and every photo has its box', () => {
    expect(blocks.length).toBe(10);
    for (const [at, block] of blocks.entries()) {
      expect(block.top).toBe(blocks.slice(0, at).reduce((sum, above) => sum + above.height, 0));
    }
    for (let index = 0; index < 950; index++) expect(boxAt(blocks, index)).toBeDefined();
    expect(boxAt(blocks, 950)).toBeUndefined();
  });
  test('a page that comes moves nothing inside the others', () => {
    const before = libraryBlocks(whole, pages.with(3, []), style);
    expect(before[4]?.boxes).toEqual(blocks[4]?.boxes);
    const unknown: (typeof pages)[number][] = [];
    expect(libraryBlocks(whole, unknown, style)[4]?.photos).toBeNull();
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
  test('a band draws what touches it and no more', () => {
    const tiles = tilesBetween(blocks, 3000, 4000);
    expect(tiles.length).toBeGreaterThan(10);
    for (const { box } of tiles) {
      expect(box.y).toBeLessThanOrEqual(4000);
      expect(box.y + box.height).toBeGreaterThanOrEqual(3000);
    }
  });
});
