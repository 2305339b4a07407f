/** The fake engine's answers about its library: timeline, facets, places, tags, saved searches, settings. */
import type { Engine, LibraryEvent, PhotoDetails, SavedSearch, Settings } from '../../src/shared/contract.ts';
import { shapeOf } from '../../src/shared/shapes.ts';
import { inOrder, passes } from './fake-filter.ts';

export interface FakeLibrary {
  photos: PhotoDetails[];
  note: (method: string, args: object) => void;
  find: (id: number) => PhotoDetails;
  emit: (event: LibraryEvent) => void;
}

export type LibraryPart = Pick<
  Engine,
  | 'shapes'
  | 'timeline'
  | 'facets'
  | 'places'
  | 'similar'
  | 'searches'
  | 'saveSearch'
  | 'removeSearch'
  | 'judge'
  | 'rate'
  | 'tag'
  | 'settings'
  | 'saveSettings'
>;

export function fakeLibrary({ photos, note, find, emit }: FakeLibrary): LibraryPart {
  const saved: SavedSearch[] = [];
  const settings: Settings = {};
  return {
    shapes(args) {
      const chosen = inOrder(photos, args.sort).filter((photo) => passes(photo, args));
      const shapes = chosen.map(({ width, height }) => shapeOf(width, height));
      return Promise.resolve(Buffer.from(shapes).toString('base64'));
    },
    timeline(args) {
      const days = new Map<string, number>();
      for (const { takenAt } of photos.filter((photo) => passes(photo, args)))
        days.set(takenAt.slice(0, 10), (days.get(takenAt.slice(0, 10)) ?? 0) + 1);
      return Promise.resolve(
        [...days].map(([day, count]) => ({ day, photos: count })).sort((a, b) => (a.day < b.day ? 1 : -1)),
      );
    },
    facets: () =>
      Promise.resolve({
        years: yearsOf(photos),
        cameras: [{ value: 'FUJIFILM X-T30 II', photos: Math.floor((photos.length * 2) / 3) }],
        formats: [{ value: 'jpeg', photos: photos.length }],
        tags: [{ value: 'family', photos: 3 }],
        ratings: [1, 2, 3, 4, 5].map((stars) => photos.filter((photo) => photo.rating >= stars).length),
        located: Math.floor((photos.length * 2) / 3),
        captioned: photos.filter((photo) => photo.caption !== null).length,
      }),
    places: () =>
      Promise.resolve(
        photos.flatMap(({ id, metadata: { latitude, longitude } }) =>
          latitude !== null && longitude !== null ? [{ id, latitude, longitude }] : [],
        ),
      ),
    similar(args) {
      note('similar', { ...args, to: 'id' in args.to ? args.to : { image: args.to.image.slice(0, 8) } });
      const chosen = photos.filter((photo) => passes(photo, args.filter ?? {}));
      return Promise.resolve({
        query: '',
        hits: chosen.slice(0, 24).map((photo, at) => ({
          photo,
          path: photo.files[0]?.path ?? '',
          score: 1 - at / 30,
          why: [{ kind: 'looks' as const, detail: (1 - at / 30).toFixed(2) }],
          likely: at < 12,
        })),
        searchable: photos.length,
        waiting: 0,
      });
    },
    searches: () => Promise.resolve([...saved]),
    saveSearch(args) {
      note('saveSearch', args);
      const search = { id: saved.length + 1, ...args };
      saved.push(search);
      return Promise.resolve(search);
    },
    removeSearch(args) {
      note('removeSearch', args);
      saved.splice(
        saved.findIndex((search) => search.id === args.id),
        1,
      );
      return Promise.resolve();
    },
    judge(args) {
      note('judge', args);
      return Promise.resolve();
    },
    rate(args) {
      note('rate', args);
      for (const id of args.ids) find(id).rating = args.rating;
      emit({ type: 'photos', count: args.ids.length });
      return Promise.resolve();
    },
    tag(args) {
      note('tag', args);
      for (const photo of args.ids.map(find))
        photo.tags = [...new Set([...photo.tags, ...args.add])].filter((tag) => !args.remove.includes(tag));
      emit({ type: 'photos', count: args.ids.length });
      return Promise.resolve();
    },
    settings: () => Promise.resolve({ ...settings }),
    saveSettings(args) {
      note('saveSettings', args);
      settings[args.key] = args.value;
      return Promise.resolve();
    },
  };
}

function yearsOf(photos: readonly PhotoDetails[]): { value: string; photos: number }[] {
  const years = new Map<string, number>();
  for (const { takenAt } of photos) years.set(takenAt.slice(0, 4), (years.get(takenAt.slice(0, 4)) ?? 0) + 1);
  return [...years].map(([value, count]) => ({ value, photos: count }));
}
