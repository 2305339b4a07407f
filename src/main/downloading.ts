/** Models from a hub: what could be had, fetching one as a job, and letting go of what an unfinished one left. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import type { Engine } from '../shared/contract.ts';
import { AppError } from '../shared/errors.ts';
import { openHub } from './lib/hub-calls.ts';
import { readCatalogue, type KnownModel } from './lib/known-models.ts';
import type { WriteDb } from './store/database.ts';
import { describe, discard, download, settle } from './services/downloads.ts';
import type { Jobs } from './services/jobs.ts';
import { explain, requireRoom } from './services/model-folders.ts';
import type { Models } from './services/models.ts';

export interface DownloadingDeps {
  writes: () => WriteDb;
  jobs: Jobs;
  models: Models;
  /** The folder of the library's models, and that of those that came with Iris, where the catalogue is. */
  into: string;
  shipped: string;
  /** The hub's address, where a person named one. */
  hub: string | undefined;
  /** A model's folder has come into the library. */
  arrived: (id: string) => Promise<unknown>;
}

export type DownloadCalls = Pick<Engine, 'catalogue' | 'downloadModel' | 'discardDownload'>;

export function downloading({
  writes,
  jobs,
  models,
  into,
  shipped,
  ...deps
}: DownloadingDeps): DownloadCalls {
  const catalogue = (): Promise<KnownModel[]> => readCatalogue(path.join(shipped, 'catalogue.json'));
  const address = (): string | undefined => deps.hub ?? process.env['IRIS_HUB'];
  const isHere = async (): Promise<(id: string) => boolean> => {
    const list = await models.list(false);
    return (id) => list.some((model) => model.id === id && model.state !== 'missing');
  };

  async function find(id: string): Promise<KnownModel> {
    const all = await catalogue();
    const known = all.find((model) => model.id === id);
    if (known) return known;
    const ids = all.map((model) => model.id).join(', ') || 'none';
    throw new AppError('not-found', `The catalogue has no model "${id}". Expected one of these: ${ids}.`);
  }

  return {
    async catalogue() {
      const here = await isHere();
      const all = await catalogue();
      const told = await Promise.all(all.map((known) => describe(known, into, here(known.id))));
      return { hub: openHub(address()).address, models: told };
    },
    async downloadModel({ id, key }) {
      writes();
      const known = await find(id);
      if ((await isHere())(id))
        throw new AppError('exists', `The model "${id}" is here already. Remove it first.`);
      const hub = openHub(address(), key);
      await mkdir(into, { recursive: true });
      return jobs.startModel(id, async (progress, signal) => {
        const room = (bytes: number): Promise<void> => requireRoom(into, bytes, id);
        try {
          await settle(
            await download(known, { hub, into, requireRoom: room, progress, signal }),
            known,
            into,
          );
        } catch (error) {
          throw explain(error, id);
        }
        await deps.arrived(id);
      });
    },
    async discardDownload({ id }) {
      writes();
      await find(id);
      if (jobs.runs('model')) throw new AppError('busy', 'A model is on its way. Wait for it, or cancel it.');
      await discard(into, id);
    },
  };
}
