/** The library as a person sees and orders it: pages, timeline, facets, and what they decide themselves. */
import type { Engine } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { BrowseLane } from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { photoDetails } from '../store/browse.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import { rate, removeSearch, saveSearch, searches, settings, tag } from '../store/decisions.ts';
import { problemsPage } from '../store/problems.ts';

export type Catalog = Pick<
  Engine,
  | 'photos'
  | 'shapes'
  | 'timeline'
  | 'facets'
  | 'places'
  | 'folders'
  | 'photo'
  | 'problems'
  | 'searches'
  | 'saveSearch'
  | 'removeSearch'
  | 'rate'
  | 'tag'
  | 'settings'
>;

/**
 * What goes over the whole library is asked of the browse lane. `writes` gives the writing connection, or
 * throws `busy` where this library is only read; `changed` tells other windows of how many photos a person
 * has changed.
 */
export function catalog(
  db: ReadDb,
  browse: Lane<BrowseLane>,
  writes: () => WriteDb,
  changed: (photos: number) => void,
): Catalog {
  return {
    photos: async (page) => (await browse.get()).photos(page),
    shapes: async (order) => (await browse.get()).shapes(order),
    timeline: async (filter) => (await browse.get()).timeline(filter),
    facets: async (filter) => (await browse.get()).facets(filter),
    places: async (filter) => (await browse.get()).places(filter),
    folders: async () => (await browse.get()).folders({}),
    async photo({ id }) {
      const details = photoDetails(db, id);
      if (!details) throw new AppError('not-found', `There is no photo ${id} in the library.`);
      return details;
    },
    problems: async (page) => problemsPage(db, page),
    searches: async () => searches(db),
    saveSearch: async (search) => saveSearch(writes(), search),
    removeSearch: async ({ id }) => removeSearch(writes(), id),
    async rate(args) {
      rate(writes(), args);
      changed(args.ids.length);
    },
    async tag(args) {
      tag(writes(), args);
      changed(args.ids.length);
    },
    settings: async () => settings(db),
  };
}
