/** The fake engine's answers to the working pages: jobs held, problems, folders to pick, models, the check, export. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Doctor,
  Engine,
  Job,
  LibraryEvent,
  ModelInfo,
  PhotoDetails,
  Problem,
  Root,
} from '../../src/shared/contract.ts';
import { AppError, throwIfAborted } from '../../src/shared/errors.ts';
import { runningJob } from './fake-world.ts';

export interface FakePages {
  photos: PhotoDetails[];
  roots: Root[];
  jobs: Job[];
  troubles: boolean;
  note: (method: string, args: object) => void;
  emit: (event: LibraryEvent) => void;
}

export type PagesPart = Pick<
  Engine,
  'pause' | 'resume' | 'problems' | 'listFolder' | 'models' | 'doctor' | 'export' | 'removeFolder'
>;

const home = '/home/you';
const inside: Record<string, readonly string[]> = {
  [home]: ['Documents', 'Downloads', 'Pictures'],
  [`${home}/Pictures`]: ['2023', '2024', 'Scans'],
};

const starter: ModelInfo = {
  id: 'iris-starter',
  version: 'iris-starter@4f1c2a9b',
  name: 'Iris starter',
  summary: 'A small model that finds, describes and answers; it comes with Iris.',
  license: 'Apache-2.0',
  bytes: 38_400_000,
  memoryMb: 180,
  can: ['search', 'caption', 'ask', 'chat'],
  state: 'ready',
  reason: null,
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
};

function doctor(models: ModelInfo[], photos: PhotoDetails[], ok: boolean): Doctor {
  return {
    versions: { iris: '0.1.0', node: '24.21.0', sqlite: '3.51.0', 'onnxruntime-node': '1.30.0' },
    library: {
      path: '/library',
      schema: 4,
      integrity: 'ok',
      bytes: { 'library.db': 81_920, 'cache.db': 4_194_304 },
    },
    counts: { photos: photos.length, searchable: photos.length, captioned: photos.length, failed: 0 },
    providers: [
      { name: 'cpu', used: true, imagesPerSecond: 34.12, cosine: 1, reason: null },
      { name: 'webgpu', used: false, imagesPerSecond: null, cosine: null, reason: 'No adapter was found.' },
    ],
    models,
    connections: 'none made; Iris connects only when you ask it to',
    ok,
  };
}

export function fakePages({ photos, roots, jobs, troubles, note, emit }: FakePages): PagesPart {
  const models = troubles ? [starter, damaged] : [starter];
  const hold = (method: 'pause' | 'resume', id: number): Promise<void> => {
    note(method, { job: id });
    emit({ type: 'job', job: { ...runningJob, id, state: method === 'pause' ? 'paused' : 'running' } });
    return Promise.resolve();
  };
  const problems = (): Problem[] => [
    ...(jobs[0]?.report?.failed ?? []).map((entry) => ({ ...entry, kind: 'failed' as const })),
    ...(troubles ? Array.from({ length: 60 }, (_, at): Problem => skipped(at)) : []),
  ];
  return {
    pause: ({ job }) => hold('pause', job),
    resume: ({ job }) => hold('resume', job),
    problems({ offset, limit }) {
      const all = problems();
      return Promise.resolve({ total: all.length, problems: all.slice(offset, offset + limit) });
    },
    listFolder({ path = home }) {
      if (path.endsWith('Downloads'))
        return Promise.reject(new AppError('unreadable', `${path} may not be read by you.`));
      const names = inside[path] ?? [];
      return Promise.resolve({
        path,
        parent: path === home ? null : path.slice(0, path.lastIndexOf('/')),
        folders: names.map((name) => ({ name, path: `${path}/${name}` })),
        photos: path === home ? 0 : 12,
      });
    },
    removeFolder(args) {
      note('removeFolder', args);
      roots.splice(
        roots.findIndex((root) => root.id === args.id),
        1,
      );
      return Promise.resolve();
    },
    models: () => Promise.resolve(models),
    doctor: () => Promise.resolve(doctor(models, photos, !troubles)),
    async export(args, signal) {
      note('export', args);
      const wanted = photos.filter(({ id, caption }) =>
        args.ids ? args.ids.includes(id) : caption !== null,
      );
      const single = args.format !== 'txt' && args.format !== 'xmp';
      const base = args.out ?? '/photos/Trips';
      const written = single
        ? [`${base}/iris-captions.${args.format}`]
        : wanted.map(({ name }) => `${base}/${name}.${args.format}`);
      const reason = 'A file that Iris did not write is there; left as it is.';
      const left = single ? [] : written.splice(0, 1).map((path) => ({ path, reason }));
      if (args.dryRun === true) {
        const preview = wanted.map(({ name, caption }) => `${name},"${caption}"\n`).join('');
        return { written, skipped: left, failed: [], preview: `path,caption\n${preview}`.slice(0, 4000) };
      }
      for (const done of [1, 2, 3, 4, 5]) {
        const total = wanted.length;
        const job: Job = { ...runningJob, id: 9, kind: 'export', phase: 'export', total };
        emit({ type: 'job', job: { ...job, done: Math.ceil((total * done) / 5) } });
        await sleep(troubles ? 2000 : 60);
        throwIfAborted(signal);
      }
      emit({ type: 'job', job: { ...runningJob, id: 9, kind: 'export', state: 'done', phase: 'finished' } });
      return { written, skipped: left, failed: [], preview: null };
    },
  };
}

function skipped(at: number): Problem {
  return {
    path: `/photos/Trips/notes-${at + 1}.pdf`,
    reason: 'It is no image that Iris reads.',
    kind: 'skipped',
  };
}
