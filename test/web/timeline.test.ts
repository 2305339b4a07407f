/** Headings by date, the scrubber's marks, folder trees and filters: what the page works out without a browser. */
import { describe, expect, test } from 'vitest';
import { changed, chipsOf, dayOf, inYear, isSame, without } from '../../src/renderer/lib/filters.ts';
import { usualRatio, type RowStyle } from '../../src/renderer/lib/justify.ts';
import { gridWords } from '../../src/renderer/lib/words-grid.ts';
import { rowsOf, treeOf } from '../../src/renderer/state/folder-tree.ts';
import { blocksBetween, blocksOf, boxAt, spotsInside } from '../../src/renderer/state/layout.ts';
import { markAt, marksOf, spansOf, undated, yearLabels } from '../../src/renderer/state/timeline.ts';
import type { Day, Root } from '../../src/shared/contract.ts';

const style: RowStyle = { width: 1100, target: 210, gap: 4, below: 0 };

/** `count` photos, so many a day, from the end of 2024 back. */
function daysOf(count: number, perDay: number): Day[] {
  return Array.from({ length: Math.ceil(count / perDay) }, (_, at) => ({
    day: new Date(Date.UTC(2024, 11, 31) - at * 86_400_000).toISOString().slice(0, 10),
    photos: Math.min(perDay, count - at * perDay),
  }));
}

describe('headings', () => {
  test('months, and days only where a month holds much', () => {
    expect(spansOf(daysOf(62, 2), 62, 'newest').map(({ key }) => key)).toEqual(['2024-12']);
    const full = spansOf(daysOf(93, 31), 93, 'newest');
    expect(full.map(({ key }) => key)).toEqual(['2024-12-31', '2024-12-30', '2024-12-29']);
  });
  test('the oldest first, and those without a date at the end of the newest', () => {
    const days = [
      { day: '', photos: 3 },
      { day: '2023-01-05', photos: 2 },
      { day: '2024-02-01', photos: 1 },
    ];
    expect(spansOf(days, 6, 'newest').map(({ key }) => key)).toEqual(['2024-02', '2023-01', undated]);
    expect(spansOf(days, 6, 'oldest').map(({ key }) => key)).toEqual([undated, '2023-01', '2024-02']);
  });
  test('days counted a moment earlier still give every photo one place', () => {
    for (const total of [0, 1, 40, 100, 131]) {
      const spans = spansOf(daysOf(100, 3), total, 'newest');
      expect(spans.reduce((sum, { count }) => sum + count, 0)).toBe(total);
    }
    expect(spansOf([], 12, 'newest')).toEqual([{ key: null, count: 12 }]);
  });
});

describe('days as they are typed', () => {
  test.each([
    ['2024', '2024-01-01', '2024-12-31'],
    ['2024-2', '2024-02-01', '2024-02-29'],
    [' 2023/02/07 ', '2023-02-07', '2023-02-07'],
    ['2024年6月30日', '2024-06-30', '2024-06-30'],
    ['2024年6月', '2024-06-01', '2024-06-30'],
    ['', '', ''],
    ['2023-02-29', null, null],
    ['2024-13', null, null],
    ['30.06.2024', null, null],
    ['soon', null, null],
  ])('%s', (typed, first, last) => {
    expect([dayOf(typed, 'first'), dayOf(typed, 'last')]).toEqual([first, last]);
  });
  test('filters are the same in any order', () => {
    expect(isSame({ root: 1, rating: 3 }, { rating: 3, root: 1 })).toBe(true);
    expect(isSame({ root: 1, rating: 3 }, { rating: 3 })).toBe(false);
  });
});

describe('100,000 photos by date', () => {
  const total = 100_000;
  const spans = spansOf(daysOf(total, 37), total, 'newest');
  const before = blocksOf(spans, new Float32Array(total).fill(usualRatio), style);

  test('blocks hold at most 100, headings have their room, and every photo has its box', () => {
    let next = 0;
    let foot = 0;
    for (const block of before) {
      expect(block.count).toBeLessThanOrEqual(100);
      expect(block.start).toBe(next);
      expect(block.top).toBe(foot + block.heading);
      next += block.count;
      foot = block.top + block.height;
    }
    expect(next).toBe(total);
    expect(boxAt(before, 0)?.y).toBe(44);
    expect(boxAt(before, total - 1)).toBeDefined();
    expect(boxAt(before, total)).toBeUndefined();
  });
  test('a band holds its headings', () => {
    const found = blocksBetween(before, 0, 44);
    expect(found[0]?.section).toBe('2024-12-31');
    const second = before.find(({ section }) => section === '2024-12-30');
    const edge = (second?.top ?? 0) - 1;
    expect(blocksBetween(before, edge, edge + 1)[0]).toBe(second);
  });
  test('a rectangle takes what it touches', () => {
    const spots = spotsInside(before, { x: 0, y: 50, width: 10, height: 10 });
    expect(spots.map(({ index }) => index)).toEqual([0]);
    expect(spotsInside(before, { x: 0, y: 0, width: 1100, height: 40 })).toEqual([]);
  });
  test('the scrubber has a mark for each month and years that do not collide', () => {
    const marks = marksOf(before);
    expect(marks[0]?.key).toBe('2024-12');
    expect(new Set(marks.map(({ key }) => key)).size).toBe(marks.length);
    expect(markAt(marks, 0)).toBe(0);
    expect(markAt(marks, (marks[3]?.top ?? 0) + 1)).toBe(3);
    const last = before.at(-1);
    const height = (last?.top ?? 0) + (last?.height ?? 0);
    const labels = yearLabels(marks, height, 0.1);
    expect(labels[0]?.year).toBe('2024');
    for (const [at, label] of labels.entries()) {
      if (at > 0) expect(label.at - (labels[at - 1]?.at ?? 0)).toBeGreaterThanOrEqual(0.1);
    }
  });
});

describe('folders', () => {
  const root: Root = { id: 1, path: '/photos/Trips', state: 'online', photos: 10 };
  const tree = treeOf(root, [
    { root: 1, folder: '', photos: 1 },
    { root: 1, folder: '2019/Beach', photos: 4 },
    { root: 1, folder: 'Day 10', photos: 2 },
    { root: 1, folder: 'Day 9', photos: 3 },
    { root: 2, folder: 'Else', photos: 9 },
  ]);
  test('those without photos of their own stand above those below them, with what is below counted', () => {
    expect(tree.children.map(({ name, photos }) => [name, photos])).toEqual([
      ['2019', 4],
      ['Day 9', 3],
      ['Day 10', 2],
    ]);
    expect(tree.children[0]?.children[0]).toMatchObject({ name: 'Beach', folder: '2019/Beach', level: 3 });
  });
  test('what is below a shut branch is not seen', () => {
    const names = rowsOf([tree], ({ level }) => level === 1).map(({ name }) => name);
    expect(names).toEqual(['Trips', '2019', 'Day 9', 'Day 10']);
  });
});

describe('filters', () => {
  const chips = (filter: Parameters<typeof chipsOf>[0]): string[] =>
    chipsOf(filter, gridWords.en.filter, (day) => day).map(({ label }) => label);
  test('one chip for each condition; a whole year is one', () => {
    expect(chips(inYear('2019'))).toEqual(['2019']);
    expect(chips({ from: '2019-02-01', to: '2019-12-31' })).toEqual(['Since 2019-02-01', 'Until 2019-12-31']);
    expect(chips({ captioned: false, located: true, format: 'jpeg', tag: 'sea', rating: 3 })).toEqual([
      'JPEG',
      '#sea',
      '★★★ or more',
      'No caption',
      'Has place',
    ]);
  });
  test('a condition taken away is no longer asked', () => {
    expect(without({ ...inYear('2019'), captioned: false }, ['from', 'to'])).toEqual({ captioned: false });
    expect(changed({ camera: 'X' }, { camera: '' })).toEqual({});
  });
});
