/** The browse lane: questions about the whole library, on a read-only connection, so that only they wait for it. */
import { counts, folders, listRoots } from '../store/browse.ts';
import type { ReadDb } from '../store/database.ts';
import { facets, places, timeline } from '../store/facets.ts';
import { photosPage, shapes } from '../store/pages.ts';
import type { BrowseLane } from './messages.ts';

export function createBrowseLane(db: ReadDb): BrowseLane {
  const { first, later } = turns();
  return {
    photos: (page) => first(() => photosPage(db, page)),
    timeline: (filter) => first(() => timeline(db, filter)),
    shapes: (order) => later(() => shapes(db, order)),
    facets: (filter) => later(() => facets(db, filter)),
    places: (filter) => later(() => places(db, filter)),
    folders: () => later(() => folders(db)),
    status: ({ model }) => later(() => ({ ...counts(db, model), roots: listRoots(db) })),
  };
}

type Turn = <T>(work: () => T) => Promise<T>;

/**
 * One question after the other, those that photos on the screen wait for before the rest. Between two, the
 * answer is sent and what was asked meanwhile is heard: questions that are answered in one go are all sent
 * when the last of them is, and the first photos of a large library come 0.2 s later.
 */
function turns(): { first: Turn; later: Turn } {
  const queues: [first: (() => void)[], later: (() => void)[]] = [[], []];
  const next = (): void => {
    (queues[0].shift() ?? queues[1].shift())?.();
    if (queues.some((queue) => queue.length > 0)) setImmediate(next);
  };
  const waitIn =
    (queue: (() => void)[]): Turn =>
    async (work) => {
      if (queues.every(({ length }) => length === 0)) setImmediate(next);
      await new Promise<void>((resolve) => queue.push(resolve));
      return work();
    };
  return { first: waitIn(queues[0]), later: waitIn(queues[1]) };
}
