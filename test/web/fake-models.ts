/** The fake engine's models: the one that comes with it, others that a test adds, and who does what. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Comparison,
  Engine,
  Job,
  LibraryEvent,
  LibraryStatus,
  ModelInfo,
} from '../../src/shared/contract.ts';
import { AppError, throwIfAborted } from '../../src/shared/errors.ts';
import { fakeCatalogue, type FakeCatalogue } from './fake-catalogue.ts';
import { runningJob } from './fake-world.ts';

const starter: ModelInfo = {
  id: 'iris-starter',
  version: 'iris-starter@4f1c2a9b',
  name: 'Iris starter',
  summary: 'A small model that finds, describes and answers; it comes with Iris.',
  license: 'Apache-2.0',
  bytes: 38_400_000,
  memoryMb: 180,
  can: ['search', 'caption', 'ask', 'chat'],
  sends: null,
  state: 'ready',
  reason: null,
  origin: 'shipped',
  roles: ['search', 'caption', 'chat'],
  waiting: null,
};
const damaged: ModelInfo = {
  ...starter,
  id: 'clip',
  version: 'clip@00000000',
  name: 'CLIP ViT-B/32',
  summary: 'Finds photos by what they show.',
  license: 'MIT',
  bytes: 606_000_000,
  memoryMb: 720,
  can: ['search'],
  state: 'damaged',
  reason: 'vision_model.onnx has 12 bytes; its manifest says 351,685,709. Copy the model again.',
  origin: 'added',
  roles: [],
};
const gone: ModelInfo = {
  ...damaged,
  id: 'qwen-vl',
  version: '',
  name: 'qwen-vl',
  summary: '',
  license: '',
  bytes: 0,
  memoryMb: 0,
  can: [],
  state: 'missing',
  reason: 'Its folder is gone. Add the model "qwen-vl" again, or choose another.',
};
/** What lies in the folder that a test adds. */
const talker: ModelInfo = {
  ...starter,
  id: 'big-talker',
  version: 'big-talker@9c0ffee9',
  name: 'Big talker',
  summary: 'A larger model that describes and answers in whole sentences.',
  license: 'MIT',
  bytes: 1_310_000_000,
  memoryMb: 2400,
  origin: 'added',
  roles: [],
};

export interface FakeModels {
  models: ModelInfo[];
  now: () => Pick<LibraryStatus, 'models' | 'replaced'>;
  calls: FakeCatalogue['calls'] &
    Pick<
      Engine,
      | 'models'
      | 'addModel'
      | 'compareModels'
      | 'connectModel'
      | 'classify'
      | 'removeModel'
      | 'useModel'
      | 'licence'
    >;
}

export interface FakeModelsOptions {
  troubles: boolean;
  /** A second model is there from the start. */
  two: boolean;
  note: (method: string, args: object) => void;
  emit: (event: LibraryEvent) => void;
}

export function fakeModels({ troubles, two, note, emit }: FakeModelsOptions): FakeModels {
  const models = [starter, ...(two ? [talker] : []), ...(troubles ? [damaged, gone] : [])].map((model) => ({
    ...model,
    roles: [...model.roles],
  }));
  const find = (id: string): ModelInfo => {
    const model = models.find((one) => one.id === id);
    if (!model) throw new AppError('model', `There is no model "${id}".`);
    return model;
  };
  const doing = (role: ModelInfo['roles'][number]): { id: string; name: string } | null => {
    const model = models.find(({ roles }) => roles.includes(role));
    return model ? { id: model.id, name: model.name } : null;
  };
  return {
    models,
    now: () => ({
      models: { search: doing('search'), caption: doing('caption'), chat: doing('chat') },
      replaced: troubles ? [{ role: 'chat', id: gone.id, reason: gone.reason ?? '' }] : [],
    }),
    calls: {
      ...fakeCatalogue(note, emit).calls,
      models: () => Promise.resolve(structuredClone(models)),
      async addModel(args, signal) {
        note('addModel', args);
        if (args.folder.endsWith('Documents'))
          throw new AppError(
            'not-found',
            `There is no model.json in ${args.folder}, so it is no model's folder.`,
          );
        const job: Job = { ...runningJob, id: 12, kind: 'model', phase: 'copy', total: talker.bytes };
        for (const part of [0.2, 0.6, 1]) {
          emit({
            type: 'job',
            job: { ...job, done: Math.round(part * job.total), rate: 0, secondsLeft: null },
          });
          await sleep(60);
          throwIfAborted(signal);
        }
        const model = { ...talker, roles: [] };
        models.push(model);
        emit({ type: 'job', job: { ...job, state: 'done', phase: 'finished' } });
        return structuredClone(model);
      },
      connectModel(args) {
        note('connectModel', args);
        if (!args.remote && !args.address.includes('127.0.0.1'))
          throw new AppError(
            'bad-request',
            'nas.lan is not this computer: photos that you ask about would be sent there. Agree to that first.',
          );
        const model: ModelInfo = {
          ...talker,
          id: 'server-llava',
          name: `${args.model} at ${new URL(args.address).host}`,
          bytes: 0,
          memoryMb: 0,
          can: ['caption', 'ask', 'chat', 'language'],
          sends: args.address,
        };
        models.push(model);
        emit({ type: 'models' });
        return Promise.resolve(structuredClone(model));
      },
      classify(args) {
        note('classify', args);
        const none = { cosine: null, logLikelihood: null, logPrior: null, withoutPrior: null };
        const labels = args.labels.map((label, at) => ({
          ...{ ...none, label, text: label, logPhoto: null, photoGiven: null },
          ...{ zeroShot: at === 0 ? 0.75 : 0.25, generative: at === 0 ? 0.4 : 0.6 },
        }));
        const zeroShot = { model: starter.version, activation: 'softmax', scale: 1, bias: 0 } as const;
        return Promise.resolve({
          ...{ path: '', labels, zeroShot: { ...zeroShot, from: 'model' as const } },
          generative: { model: starter.version, prior: 'no photo' as const },
        });
      },
      removeModel(args) {
        note('removeModel', args);
        models.splice(models.indexOf(find(args.id)), 1);
        emit({ type: 'models' });
        return Promise.resolve();
      },
      useModel(args) {
        note('useModel', args);
        const chosen = find(args.id);
        if (args.role === 'search' && args.id !== 'iris-starter') {
          chosen.waiting = 1200;
          return Promise.resolve({ ...runningJob, id: 4 });
        }
        if (args.role === 'search') for (const model of models) model.waiting = null;
        for (const model of models) model.roles = model.roles.filter((role) => role !== args.role);
        chosen.roles.push(args.role);
        emit({ type: 'models' });
        return Promise.resolve(null);
      },
      compareModels(args) {
        note('compareModels', args);
        const side = (id: string, recall: number): Comparison['models'][number] => ({
          ...{ id, name: find(id).name, wrong: 1 },
          recall: { 1: recall / 2, 5: recall, 10: recall },
        });
        return Promise.resolve({
          ...{ searches: 8, photos: 21, refused: 3, unjudged: 1, alike: 0.62, wins: [1, 2], p: 1 },
          ...{ models: [side(args.ids[0], 0.5), side(args.ids[1], 0.75)], better: null, each: [] },
        });
      },
      licence: ({ id }) => Promise.resolve({ text: `${find(id).license}\n\nPermission is hereby granted…` }),
    },
  };
}
