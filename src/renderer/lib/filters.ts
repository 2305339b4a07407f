/** Filters as a person reads them: one chip for each condition, and what is left without it. */
import type { Filter } from '../../shared/contract.ts';
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

/** The filter with a change made; what is changed to undefined is no longer asked. */
export function changed(filter: Filter, change: { [K in keyof Filter]: Filter[K] | undefined }): Filter {
  const all = Object.entries({ ...filter, ...change });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== ''));
}

export function without(filter: Filter, keys: readonly (keyof Filter)[]): Filter {
  return changed(filter, Object.fromEntries(keys.map((key) => [key, undefined])));
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
