import { describe, expect, test } from 'vitest';
import { fuzzy, fuzzyScore } from '../../src/renderer/lib/fuzzy.ts';

const names = ['Go to Settings', 'Show or hide the library', 'Theme: Dark', 'Summer /photos/Trips/Summer'];
const find = (query: string): string[] => fuzzy(query, names, (name) => name);

describe('fuzzy', () => {
  test('all in their own order while nothing is typed', () => expect(find('')).toEqual(names));
  test('a word at its beginning comes first', () => expect(find('set')[0]).toBe('Go to Settings'));
  test('letters of beginnings find', () => expect(find('gts')[0]).toBe('Go to Settings'));
  test('every word must fit', () => {
    expect(find('theme dark')).toEqual(['Theme: Dark']);
    expect(find('theme light')).toEqual([]);
  });
  test('letters strewn about are no match', () =>
    expect(fuzzyScore('oee', 'Show or hide the library')).toBeNull());
  test('case and other scripts do not matter', () => {
    expect(fuzzyScore('DARK', 'theme: dark')).not.toBeNull();
    expect(fuzzyScore('设置', '前往设置')).not.toBeNull();
  });
});
