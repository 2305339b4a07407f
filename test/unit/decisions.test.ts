import { describe, expect, it } from 'vitest';
import { photoDetails, summaries } from '../../src/main/store/browse.ts';
import {
  rate,
  reconcile,
  removeSearch,
  saveSearch,
  saveSetting,
  searches,
  settings,
  tag,
} from '../../src/main/store/decisions.ts';
import { photoIds } from '../../src/main/store/filter.ts';
import { matchWords } from '../../src/main/store/texts.ts';
import { photoLibrary, readPhoto } from './store-helpers.ts';

const library = (): ReturnType<typeof photoLibrary> & { a: number; b: number } => {
  const made = photoLibrary({ 'a.jpg': { rating: 4 }, 'b.jpg': { rating: 9 } });
  const [a, b] = made.ids as [number, number];
  return { ...made, a, b };
};

describe('stars', () => {
  it('are a person’s, else the file’s own within five, and survive that the photo is read again', () => {
    const { db, a, b } = library();
    const stars = (): (number | undefined)[] => [a, b].map((id) => summaries(db, [id]).get(id)?.rating);
    expect(stars()).toEqual([4, 5]);
    rate(db, { ids: [a, b], rating: 2 });
    readPhoto(db, a, { rating: 5 });
    expect(stars()).toEqual([2, 2]);
    expect(photoIds(db, { rating: 3 })).toEqual([]);
    rate(db, { ids: [a], rating: 0 }); // taken back, also where the file carries some
    readPhoto(db, a, { rating: 5 });
    expect(stars()).toEqual([0, 2]);
    expect(photoIds(db, { rating: 1 })).toEqual([b]);
  });

  it('go to all photos or to none', () => {
    const { db, a } = library();
    expect(() => rate(db, { ids: [a, 99], rating: 1 })).toThrow(/no photo 99/);
    expect(summaries(db, [a]).get(a)?.rating).toBe(4);
  });

  it('that the cache missed are brought to it', () => {
    const { db, a, b } = library();
    rate(db, { ids: [a], rating: 1 });
    db.run('UPDATE cache.metadata SET stars = 4 WHERE photo_id = ?', a);
    reconcile(db);
    expect(photoIds(db, { rating: 2 })).toEqual([b]);
    expect(photoIds(db, { rating: 1 })).toHaveLength(2);
  });
});

describe('tags', () => {
  it('are added to and taken from many photos, filtered by and searched for', () => {
    const { db, a, b } = library();
    tag(db, { ids: [a, b, a], add: ['Sea  side', 'family'], remove: ['none'] });
    expect(photoDetails(db, a)?.tags).toEqual(['family', 'Sea side']);
    expect(photoIds(db, { tag: 'sea side' })).toEqual([a, b]);
    expect(matchWords(db, '{caption} : ("seaside" OR "family")', 10)).toEqual([a, b]);
    tag(db, { ids: [b], add: ['SEA SIDE'], remove: ['FAMILY'] });
    expect(photoDetails(db, b)?.tags).toEqual(['Sea side']);
    expect(matchWords(db, '{caption} : ("family")', 10)).toEqual([a]);
    readPhoto(db, a, {});
    expect(photoDetails(db, a)?.tags).toEqual(['family', 'Sea side']);
    expect(matchWords(db, '{caption} : ("family")', 10)).toEqual([a]);
  });

  it('keep the spelling that came first', () => {
    const { db, a, b } = library();
    tag(db, { ids: [a], add: ['Cafe\u0301'], remove: [] });
    tag(db, { ids: [b], add: ['caf\u00e9'], remove: [] });
    expect(photoDetails(db, b)?.tags).toEqual(['Caf\u00e9']);
    expect(photoIds(db, { tag: 'cafe\u0301' })).toEqual([a, b]);
  });

  it('go to all photos or to none', () => {
    const { db, a } = library();
    expect(() => tag(db, { ids: [a, 99], add: ['x'], remove: [] })).toThrow(/no photo 99/);
    expect(photoDetails(db, a)?.tags).toEqual([]);
  });
});

describe('saved searches', () => {
  it('are kept by name, replaced under the same name, and removed', () => {
    const { db } = library();
    const dogs = saveSearch(db, { name: 'Dogs', query: 'dog', filter: { rating: 3 } });
    const cats = saveSearch(db, { name: 'Cats', query: 'cat', filter: {} });
    expect(searches(db)).toEqual([dogs, cats]);
    const again = saveSearch(db, { name: 'Dogs', query: 'puppy', filter: { captioned: true } });
    expect(again).toEqual({ id: dogs.id, name: 'Dogs', query: 'puppy', filter: { captioned: true } });
    expect(searches(db)).toEqual([again, cats]);
    removeSearch(db, cats.id);
    expect(searches(db)).toEqual([again]);
    expect(() => removeSearch(db, cats.id)).toThrow(/no saved search/);
  });
});

describe('settings', () => {
  it('keep any JSON value, the last one written', () => {
    const { db } = library();
    expect(settings(db)).toEqual({});
    saveSetting(db, { key: 'theme', value: 'dark' });
    saveSetting(db, { key: 'recent', value: ['a', { b: null }] });
    saveSetting(db, { key: 'theme', value: 'light' });
    expect(settings(db)).toEqual({ theme: 'light', recent: ['a', { b: null }] });
  });
});
