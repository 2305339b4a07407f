/** The library as a person sees and orders it: pages, timeline, facets, and what they decide themselves. */
import type { Engine } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { folders, photoDetails } from '../store/browse.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import { rate, removeSearch, saveSearch, saveSetting, searches, settings, tag } from '../store/decisions.ts';
import { facets, places, timeline } from '../store/facets.ts';
import { photosPage } from '../store/pages.ts';
import { problemsPage } from '../store/problems.ts';

export type Catalog = Pick<
  Engine,
  | 'photos'
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
  | 'saveSettings'
>;

/**
 * `writes` gives the writing connection, or throws `busy` where this library is only read;
 * `changed` tells other windows of how many photos a person has changed.
 */
export function catalog(db: ReadDb, writes: () => WriteDb, changed: (photos: number) => void): Catalog {
  return {
    photos: async (page) => photosPage(db, page),
    timeline: async (filter) => timeline(db, filter),
    facets: async (filter) => facets(db, filter),
    places: async (filter) => places(db, filter),
    folders: async () => folders(db),
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
    saveSettings: async (setting) => saveSetting(writes(), setting),
  };
}
