import { describe, expect, it } from 'vitest';
import type { Filter, Sort } from '../../src/shared/contract.ts';
import { counts, folders, summaries } from '../../src/main/store/browse.ts';
import { rate, tag } from '../../src/main/store/decisions.ts';
import { facets, places, timeline } from '../../src/main/store/facets.ts';
import { createPhoto, noteProblem, setPresent } from '../../src/main/store/files.ts';
import { photosPage, shapes } from '../../src/main/store/pages.ts';
import { problemsPage, retryFailed } from '../../src/main/store/problems.ts';
import { writeCaption } from '../../src/main/store/texts.ts';
import { photoLibrary, readPhoto } from './store-helpers.ts';

const photos = {
  'b.jpg': { takenAt: '2020-05-01T10:00:00', camera: 'Canon', rating: 2 },
  'A.jpg': { takenAt: '2021-01-01T10:00:00', camera: 'Canon', latitude: 1.5, longitude: -2.5 },
  'trips/far/c.jpg': { takenAt: '2020-05-01T09:00:00', camera: 'Nikon', format: 'heif', rating: 5 },
  'trips/far/d.jpg': { takenAt: '2019-01-01T10:00:00' },
};

function library(): ReturnType<typeof photoLibrary> & { names: (sort: Sort, filter?: Filter) => string[] } {
  const made = photoLibrary(photos);
  return {
    ...made,
    names: (sort, filter = {}) =>
      photosPage(made.db, { ...filter, sort, offset: 0, limit: 10 }).photos.map((photo) => photo.name),
  };
}

describe('pages', () => {
  it.each<[Sort, string[]]>([
    ['newest', ['A.jpg', 'b.jpg', 'c.jpg', 'd.jpg']],
    ['oldest', ['d.jpg', 'c.jpg', 'b.jpg', 'A.jpg']],
    ['name', ['A.jpg', 'b.jpg', 'c.jpg', 'd.jpg']],
    ['rating', ['c.jpg', 'b.jpg', 'A.jpg', 'd.jpg']],
    ['added', ['d.jpg', 'c.jpg', 'A.jpg', 'b.jpg']],
  ])('are sorted by %s, filtered or not, and cut anywhere', (sort, expected) => {
    const { db, names } = library();
    expect(names(sort)).toEqual(expected);
    expect(names(sort, { camera: 'Canon' })).toEqual(
      expected.filter((name) => name === 'A.jpg' || name === 'b.jpg'),
    );
    expect(names(sort, { folder: 'trips', rating: 1 })).toEqual(['c.jpg']);
    const page = photosPage(db, { sort, offset: 1, limit: 2 });
    expect([page.total, page.photos.map((photo) => photo.name)]).toEqual([4, expected.slice(1, 3)]);
    expect(photosPage(db, { sort, offset: 9, limit: 2 })).toEqual({ total: 4, photos: [] });
  });

  it('show each change at once, though answers are kept', () => {
    const { db, ids, names } = library();
    expect(names('newest')).toHaveLength(4);
    setPresent(db, ids.slice(0, 1), false);
    expect(names('newest')).toEqual(['A.jpg', 'c.jpg', 'd.jpg']);
    expect(counts(db, null).photos).toBe(3);
    expect(timeline(db, {}).map((day) => day.day)).toEqual(['2021-01-01', '2020-05-01', '2019-01-01']);
    setPresent(db, ids.slice(0, 1), true);
    expect(names('newest')).toHaveLength(4);
  });

  it.each([1, 5001])('leave out photos without a file that is there: %i of them', (gone) => {
    const { db, ids, names } = library();
    db.transaction(() => {
      for (let at = 0; at < gone; at++)
        readPhoto(db, createPhoto(db, Buffer.from(`gone ${at}`)), { takenAt: '2022', camera: 'Canon' });
    });
    // Left over of a library.db that was put back from a backup: there is no such photo.
    readPhoto(db, 90_000, { takenAt: '2022', camera: 'Canon' });
    for (const sort of ['newest', 'name', 'rating', 'added'] as const) {
      expect(names(sort)).toHaveLength(4);
      expect(names(sort, { camera: 'Canon' })).toHaveLength(2);
    }
    expect(timeline(db, {}).map((day) => day.day)).toEqual(['2021-01-01', '2020-05-01', '2019-01-01']);
    expect(facets(db, {}).cameras[0]).toEqual({ value: 'Canon', photos: 2 });
    writeCaption(db, ids[0] ?? 0, 'A wood');
    expect(counts(db, null)).toMatchObject({ photos: 4, captioned: 1 });
  });

  it('have the shape of every photo in the same order, 0 where it was not read', () => {
    const { db, ids } = library();
    const sizes = [
      [4000, 3000],
      [3000, 4000],
      [30_000, 10],
    ];
    for (const [at, [width, height]] of sizes.entries())
      db.run(
        'UPDATE cache.metadata SET width = ?, height = ? WHERE photo_id = ?',
        width ?? 0,
        height ?? 0,
        ids[at] ?? 0,
      );
    db.run('DELETE FROM cache.metadata WHERE photo_id = ?', ids[3] ?? 0);
    const of = (order: Filter & { sort?: Sort }): number[] => [...Buffer.from(shapes(db, order), 'base64')];
    expect(of({})).toEqual([45, 80, 255, 0]);
    expect(of({ sort: 'name' })).toEqual([45, 80, 255, 0]);
    expect(of({ sort: 'rating' })).toEqual([255, 80, 45, 0]);
    expect(of({ folder: 'trips' })).toEqual([255, 0]);
  });

  it('end with the photos that wait to be read again after the cache was lost', () => {
    const { db, ids, names } = library();
    rate(db, { ids: ids.slice(0, 1), rating: 3 });
    db.run('DELETE FROM cache.metadata WHERE photo_id IN (?, ?)', ids[0] ?? 0, ids[1] ?? 0);
    expect(names('newest')).toEqual(['c.jpg', 'd.jpg', 'A.jpg', 'b.jpg']);
    expect(names('oldest')).toEqual(['d.jpg', 'c.jpg', 'A.jpg', 'b.jpg']);
    expect(names('name')).toEqual(['A.jpg', 'b.jpg', 'c.jpg', 'd.jpg']);
    expect(names('newest', { camera: 'Canon' })).toEqual([]);
    expect(timeline(db, {}).at(-1)).toEqual({ day: '', photos: 2 });
    expect(summaries(db, ids).get(ids[0] ?? 0)).toMatchObject({ state: 'waiting', rating: 3 });
  });
});

describe('the library at a glance', () => {
  it('counts days in the order of the page', () => {
    const { db } = library();
    expect(timeline(db, {})).toEqual([
      { day: '2021-01-01', photos: 1 },
      { day: '2020-05-01', photos: 2 },
      { day: '2019-01-01', photos: 1 },
    ]);
    expect(timeline(db, { folder: 'trips' }).map((day) => day.photos)).toEqual([1, 1]);
  });

  it('says what photos share, commonest first', () => {
    const { db, ids } = library();
    tag(db, { ids: ids.slice(1, 3), add: ['sea'], remove: [] });
    writeCaption(db, ids[3] ?? 0, 'A wood');
    expect(facets(db, {})).toEqual({
      years: [
        { value: '2020', photos: 2 },
        { value: '2019', photos: 1 },
        { value: '2021', photos: 1 },
      ],
      cameras: [
        { value: 'Canon', photos: 2 },
        { value: 'Nikon', photos: 1 },
      ],
      formats: [
        { value: 'jpeg', photos: 3 },
        { value: 'heif', photos: 1 },
      ],
      tags: [{ value: 'sea', photos: 2 }],
      ratings: [2, 2, 1, 1, 1],
      located: 1,
      captioned: 1,
    });
    expect(facets(db, { camera: 'Canon' })).toMatchObject({
      cameras: [{ value: 'Canon', photos: 2 }],
      tags: [{ value: 'sea', photos: 1 }],
      ratings: [1, 1, 0, 0, 0],
      captioned: 0,
    });
    expect(facets(db, { tag: 'sea', folder: 'trips' }).tags).toEqual([{ value: 'sea', photos: 1 }]);
  });

  it('places photos with coordinates, and none where those without are asked for', () => {
    const { db, ids } = library();
    expect(places(db, {})).toEqual([{ id: ids[1], latitude: 1.5, longitude: -2.5 }]);
    expect(places(db, { camera: 'Nikon' })).toEqual([]);
    expect(places(db, { located: false })).toEqual([]);
  });

  it('has the folders above those with photos, so that they make a tree', () => {
    const { db, root } = library();
    expect(folders(db)).toEqual([
      { root, folder: '', photos: 2 },
      { root, folder: 'trips', photos: 0 },
      { root, folder: 'trips/far', photos: 2 },
    ]);
  });
});

describe('problems', () => {
  it('are listed with failures first, and failures wait again when asked to', () => {
    const { db, root, ids } = library();
    const [first, second, third] = ids as [number, number, number];
    noteProblem(db, first, 'skipped', 'no photo');
    noteProblem(db, second, 'failed', 'cut short');
    noteProblem(db, third, 'failed', 'stopped the decoder');
    const { total, problems } = problemsPage(db, { offset: 0, limit: 10 });
    expect(total).toBe(3);
    expect(problems).toEqual([
      { kind: 'failed', path: '/photos/A.jpg', reason: 'cut short' },
      { kind: 'failed', path: '/photos/trips/far/c.jpg', reason: 'stopped the decoder' },
      { kind: 'skipped', path: '/photos/b.jpg', reason: 'no photo' },
    ]);
    expect(problemsPage(db, { offset: 2, limit: 1 }).problems).toEqual(problems.slice(2));
    const dirty = (): number[] =>
      db.all<{ id: number }>('SELECT id FROM file WHERE dirty = 1').map((file) => file.id);
    retryFailed(db, [root + 1]);
    expect(dirty()).toEqual([]);
    retryFailed(db, [root]);
    expect(dirty()).toEqual([second, third]);
  });
});
