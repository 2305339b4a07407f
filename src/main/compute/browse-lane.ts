/** The browse lane: questions about the whole library, on a read-only connection, so that only they wait for it. */
import { counts, folders, listRoots } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';
import { facets, places, timeline } from '../store/facets.ts';
import { photosPage, shapes } from '../store/pages.ts';
import type { BrowseLane } from './messages.ts';

export function createBrowseLane(db: ReadDb): BrowseLane {
  return {
    photos: async (page) => photosPage(db, page),
    shapes: async (order) => shapes(db, order),
    timeline: async (filter) => timeline(db, filter),
    facets: async (filter) => facets(db, filter),
    places: async (filter) => places(db, filter),
    folders: async () => folders(db),
    status: async ({ model }) => ({ ...counts(db, model), roots: listRoots(db) }),
  };
}
