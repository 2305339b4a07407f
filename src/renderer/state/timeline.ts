/** The library by date: which headings the grid has, and the marks of the scrubber beside it. */
import type { Day } from '../../shared/contract.ts';
import type { Block, Span } from './layout.ts';

/** The heading of photos whose date is not known. */
export const undated = 'undated';
/** A month is shown day by day where its days would fill several rows each. */
const photosOfFullDay = 20;
const daysOfFullMonth = 3;

function byMonth(days: readonly Day[]): Map<string, Day[]> {
  const months = new Map<string, Day[]>();
  for (const day of days) {
    const month = day.day === '' ? undated : day.day.slice(0, 7);
    const known = months.get(month);
    if (known) known.push(day);
    else months.set(month, [day]);
  }
  return months;
}

const sum = (days: readonly { photos: number }[]): number => days.reduce((all, day) => all + day.photos, 0);

function isFull(month: string, days: readonly Day[]): boolean {
  const enough = days.length >= daysOfFullMonth && sum(days) >= days.length * photosOfFullDay;
  return month !== undated && enough;
}

/**
 * Headings by month, and by day where a month holds much, in the order of the grid. `total` is what the grid
 * has: while photos come, the days may have been counted a moment earlier.
 */
export function spansOf(days: readonly Day[], total: number, order: 'newest' | 'oldest'): Span[] {
  if (days.length === 0) return [{ key: null, count: total }];
  const sorted = days.toSorted((a, b) => (a.day < b.day ? 1 : -1));
  if (order === 'oldest') sorted.reverse();
  const spans = [...byMonth(sorted)].flatMap(([month, within]): Span[] =>
    isFull(month, within)
      ? within.map((day) => ({ key: day.day, count: day.photos }))
      : [{ key: month, count: sum(within) }],
  );
  return fitted(spans, total);
}

function fitted(spans: readonly Span[], total: number): Span[] {
  const kept: Span[] = [];
  let left = total;
  for (const span of spans) {
    if (left > 0 && span.count > 0) kept.push({ ...span, count: Math.min(span.count, left) });
    left -= span.count;
  }
  const last = kept.at(-1);
  if (left > 0 && last) last.count += left;
  return last ? kept : [{ key: null, count: total }];
}

/** A place that the scrubber can jump to. */
export interface Mark {
  key: string;
  /** Where its heading stands in the grid. */
  top: number;
  start: number;
}

/** One mark for each month, or for the run without dates. */
export function marksOf(blocks: readonly Block[]): Mark[] {
  const marks: Mark[] = [];
  for (const block of blocks) {
    if (block.heading === 0 || block.section === null) continue;
    const key = block.section === undated ? undated : block.section.slice(0, 7);
    if (marks.at(-1)?.key !== key) marks.push({ key, top: block.top - block.heading, start: block.start });
  }
  return marks;
}

/** The number of the mark whose photos stand at this height. */
export function markAt(marks: readonly Mark[], y: number): number {
  const next = marks.findIndex((mark) => mark.top > y);
  return next < 0 ? marks.length - 1 : Math.max(0, next - 1);
}

export interface Label {
  year: string;
  /** 0 at the top of the scrubber, 1 at its foot. */
  at: number;
}

/** The years beside the scrubber, without those that would stand on another. */
export function yearLabels(marks: readonly Mark[], height: number, least: number): Label[] {
  const labels: Label[] = [];
  for (const mark of marks) {
    const year = mark.key.slice(0, 4);
    if (mark.key === undated || labels.at(-1)?.year === year) continue;
    const at = height > 0 ? mark.top / height : 0;
    if (labels.length === 0 || at - (labels.at(-1)?.at ?? 0) >= least) labels.push({ year, at });
  }
  return labels;
}
