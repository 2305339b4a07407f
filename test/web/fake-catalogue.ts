/** The fake engine's catalogue: one model that can be downloaded, and one that Iris cannot run. A test ends the download. */
import type { CatalogueModel, Engine, Job, LibraryEvent } from '../../src/shared/contract.ts';
import { runningJob } from './fake-world.ts';

const clip: CatalogueModel = {
  id: 'clip-vit-b32',
  name: 'CLIP ViT-B/32',
  does: { en: 'Finds photos by English words.', zh: '用英文词句查找照片。' },
  suits: { en: 'For any computer.', zh: '适合任何电脑。' },
  can: ['search'],
  license: 'MIT',
  repository: 'Xenova/clip-vit-base-patch32',
  revision: null,
  bytes: 610_000_000,
  memoryMb: 900,
  unseen: ['revision'],
  cannot: null,
  here: false,
  kept: 0,
};
const moondream: CatalogueModel = {
  ...clip,
  id: 'moondream2',
  name: 'Moondream 2',
  can: ['caption', 'ask'],
  cannot: { en: 'Iris has no family for it yet.', zh: 'Iris 还不支持这类模型。' },
};

export interface FakeCatalogue {
  calls: Pick<Engine, 'catalogue' | 'downloadModel' | 'discardDownload'>;
}

export function fakeCatalogue(
  note: (method: string, args: object) => void,
  emit: (event: LibraryEvent) => void,
): FakeCatalogue {
  let kept = 0;
  return {
    calls: {
      catalogue: () =>
        Promise.resolve({
          hub: 'https://hub.example',
          models: [{ ...clip, kept }, structuredClone(moondream)],
        }),
      downloadModel(args) {
        note('downloadModel', args);
        kept = 244_000_000;
        const job: Job = { ...runningJob, id: 13, kind: 'model', model: args.id, phase: 'download' };
        Object.assign(job, { done: kept, total: clip.bytes, rate: 6_100_000, secondsLeft: 60 });
        emit({ type: 'job', job });
        return Promise.resolve(job);
      },
      discardDownload(args) {
        note('discardDownload', args);
        kept = 0;
        return Promise.resolve();
      },
    },
  };
}
