/** The engine's calls about models: which are here, adding and removing, giving work, comparing. */
import type { Engine, ModelInfo } from '../shared/contract.ts';
import { AppError } from '../shared/errors.ts';
import type { Lanes } from './compute/lanes.ts';
import { downloading, type DownloadCalls } from './downloading.ts';
import type { Indexing } from './indexing.ts';
import { compareModels, type Side } from './services/compare.ts';
import type { Jobs } from './services/jobs.ts';
import { connectFolder, copyModel, deleteModel, licenceText, planCopy } from './services/model-folders.ts';
import type { Models } from './services/models.ts';
import type { ReadDb, WriteDb } from './store/database.ts';

export interface ModelCallsDeps {
  db: ReadDb;
  writes: () => WriteDb;
  jobs: Jobs;
  models: Models;
  lanes: Lanes;
  indexing: Indexing;
  /** The folder of the models that a person added. */
  addedDir: string;
  /** That of the models that came with Iris, and of the catalogue. */
  modelsDir: string;
  /** The hub's address, where a person named one. */
  hub: string | undefined;
  onChange: () => void;
}

export type ModelCalls = DownloadCalls &
  Pick<
    Engine,
    'models' | 'addModel' | 'connectModel' | 'removeModel' | 'useModel' | 'compareModels' | 'licence'
  >;

export function modelCalls(deps: ModelCallsDeps): ModelCalls {
  const { db, writes, jobs, models, lanes, indexing, addedDir, modelsDir, hub, onChange } = deps;

  /** A model's folder has come into the library: everyone hears of it. */
  async function arrived(id: string): Promise<ModelInfo> {
    await models.look(false);
    onChange();
    return models.info(models.find(id));
  }

  return {
    ...downloading({ writes, jobs, models, into: addedDir, shipped: modelsDir, hub, arrived }),
    models: ({ verify = false, id }) => models.list(verify, id),
    async addModel(args, signal) {
      writes();
      const taken = new Set(
        (await models.list(false)).flatMap(({ id, state }) => (state === 'missing' ? [] : id)),
      );
      const copy = await planCopy(args, addedDir, taken);
      await jobs.attend('model', (progress, stop) => copyModel(copy, progress, stop), signal);
      return await arrived(copy.manifest.id);
    },
    async connectModel(args) {
      writes();
      return await arrived((await connectFolder(args, addedDir)).id);
    },
    async removeModel({ id }) {
      const db = writes();
      const model = models.removable(id);
      if (lanes.busy(model.dir))
        throw new AppError('busy', `${model.name} is answering. Wait for it, or stop it.`);
      await lanes.leave(model.dir);
      await deleteModel(model.dir);
      await models.forget(db, model);
      onChange();
    },
    async useModel({ role, id }) {
      lanes.requireMemory(models.find(id));
      if (role === 'search') return await indexing.withModel(id);
      await models.choose(writes(), role, id);
      return null;
    },
    async licence({ id }) {
      const { dir, manifest } = models.find(id);
      return { text: await licenceText(dir, manifest) };
    },
    async compareModels({ ids: [a, b] }) {
      const side = async (id: string): Promise<Side> => {
        const model = await models.named(id, 'search');
        return {
          ...model,
          searching: lanes.search(model),
          serving: models.serving('search').model?.id === id,
        };
      };
      if (a === b) throw new AppError('bad-request', `Expected two models, but both are "${a}".`);
      return await compareModels(db, [await side(a), await side(b)]);
    },
  };
}
