/** Filters as a person reads them: one chip for each condition, and what is left without it. */
import type { Filter } from '../../shared/contract.ts';
import { operatorsOf } from '../../shared/query.ts';
import type { GridWords } from './words-grid.ts';

export interface Chip {
  keys: readonly (keyof Filter)[];
  label: string;
}

/** The year that a filter's two days span, if they do. */
export function yearOf({ from, to }: Filter): string | undefined {
  const year = from?.slice(0, 4);
  return year !== undefined && from === `${year}-01-01` && to === `${year}-12-31` ? year : undefined;
}

export function inYear(year: string): Filter {
  return { from: `${year}-01-01`, to: `${year}-12-31` };
}

/**
 * The day that was typed, year first: `2024`, `2024/6` and `2024年6月30日` stand for the first or the last
 * day that they hold. Empty where nothing was typed, null where it is no day.
 */
export function dayOf(typed: string, end: 'first' | 'last'): string | null {
  if (typed.trim() === '') return '';
  const [, year = '', month, day] =
    /^\s*(\d{4})(?:[-/.年 ]+(\d{1,2})(?:[-/.月 ]+(\d{1,2}))?)?[日月年\s]*$/.exec(typed) ?? [];
  const last = end === 'last';
  const m = Number(month ?? (last ? 12 : 1));
  // Day 0 of the next month is the last of this one.
  const d = Number(day ?? (last ? new Date(Date.UTC(Number(year), m, 0)).getUTCDate() : 1));
  const date = new Date(Date.UTC(Number(year), m - 1, d));
  const isDay = year !== '' && date.getUTCMonth() === m - 1 && date.getUTCDate() === d;
  return isDay ? date.toISOString().slice(0, 10) : null;
}

/** Whether two filters ask the same, in whatever order their conditions stand. */
export function isSame(one: Filter, other: Filter): boolean {
  const written = (filter: Filter): string => JSON.stringify(Object.entries(filter).sort());
  return written(one) === written(other);
}

/** The filter with a change made; what is changed to undefined is no longer asked. */
export function changed(filter: Filter, change: { [K in keyof Filter]: Filter[K] | undefined }): Filter {
  const all = Object.entries({ ...filter, ...change });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== ''));
}

export function without(filter: Filter, keys: readonly (keyof Filter)[]): Filter {
  return changed(filter, Object.fromEntries(keys.map((key) => [key, undefined])));
}

/** A query's operators as chips, each with what is left of the query without it. */
export function queryChips(query: string, words: GridWords['filter']): { label: string; rest: string }[] {
  return operatorsOf(query).map(({ raw, words: said, leavesOut }) => ({
    label: leavesOut ? words.without(said) : words.exactly(said),
    rest: query
      .replace(raw, () => '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  }));
}

/** The chips of a filter; `date` says a day in the reader's words. */
export function chipsOf(filter: Filter, words: GridWords['filter'], date: (day: string) => string): Chip[] {
  const year = yearOf(filter);
  const { from, to, camera, format, tag, rating, captioned, located } = filter;
  const chips: [boolean, Chip['keys'], () => string][] = [
    [year !== undefined, ['from', 'to'], () => year ?? ''],
    [year === undefined && from !== undefined, ['from'], () => words.since(date(from ?? ''))],
    [year === undefined && to !== undefined, ['to'], () => words.until(date(to ?? ''))],
    [camera !== undefined, ['camera'], () => camera ?? ''],
    [format !== undefined, ['format'], () => (format ?? '').toUpperCase()],
    [tag !== undefined, ['tag'], () => `#${tag ?? ''}`],
    [rating !== undefined, ['rating'], () => words.atLeast(rating ?? 0)],
    [captioned === true, ['captioned'], () => words.withCaption],
    [captioned === false, ['captioned'], () => words.withoutCaption],
    [located === true, ['located'], () => words.withPlace],
  ];
  return chips.filter(([is]) => is).map(([, keys, label]) => ({ keys, label: label() }));
}
