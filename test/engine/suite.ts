/** One description of the engine, run directly, over messages and over HTTP: all three must behave alike. */
import path from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Api, Engine, IndexReport } from '../../src/shared/contract.ts';
import { fixture, indexed, place, placeSamples, scratch } from './helpers.ts';
import { browsing } from './suite-browse.ts';
import { exporting } from './suite-export.ts';
import { jobs } from './suite-jobs.ts';
import { library } from './suite-library.ts';
import { searching } from './suite-search.ts';
import { choosing } from './suite-models.ts';
import { talking } from './suite-talk.ts';

export interface Opened {
  /** The contract as this host's client sees it. */
  api: Api;
  engine: Engine;
  close(): Promise<void>;
}

export interface World extends Opened {
  /** The indexed folder and the places around it. */
  photos: string;
  library: string;
  outside: string;
  report: IndexReport;
}

/** Photos of the suite's folder besides the fourteen samples, by their name there. */
const extra = {
  'camera/gps.jpg': fixture('gps.jpg'),
  'camera/no-offset.jpg': fixture('no-offset.jpg'),
  'camera/zero-date.jpg': fixture('zero-date.jpg'),
  'camera/deep/grandmaHouse_1936.png': fixture('alpha.png'),
  'bad/text.jpg': fixture('text.jpg'),
  'bad/truncated.jpg': fixture('truncated.jpg'),
  'copies/the cat again.png': path.resolve(fixture('.'), '../../samples/sample-02.png'),
};
const turned = Object.fromEntries(
  [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [`turned/orientation-${n}.jpg`, fixture(`orientation-${n}.jpg`)]),
);
/** 14 samples, 4 of the camera folder, 8 orientations; the copy is a file of a photo that is counted. */
export const photoCount = 14 + 4 + 8;
export const fileCount = photoCount + 1;

export function engineSuite(name: string, open: (library: string) => Promise<Opened>): void {
  describe(name, () => {
    const folder = scratch();
    let world: World;

    beforeAll(async () => {
      const photos = path.join(folder, 'photos');
      const outside = path.join(folder, 'outside');
      const library = path.join(folder, 'library');
      await placeSamples(photos);
      await place(photos, { ...extra, ...turned });
      await place(outside, { 'stranger.jpg': fixture('photo.webp'), 'notes.txt': fixture('text.jpg') });
      const opened = await open(library);
      world = {
        ...opened,
        photos,
        library,
        outside,
        report: await indexed(opened.api, { folders: [photos] }),
      };
    }, 300_000);

    afterAll(async () => world.close());

    describe('browsing', () => browsing(() => world));
    describe('the library', () => library(() => world));
    describe('searching', () => searching(() => world));
    describe('talking', () => talking(() => world));
    describe('choosing models', () => choosing(() => world));
    describe('exporting', () => exporting(() => world));
    describe('jobs', () => jobs(() => world));
  });
}
