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
import { runningJob, world } from './fake-world.ts';

export interface FakePages {
  photos: PhotoDetails[];
  roots: Root[];
  jobs: Job[];
  troubles: boolean;
  models: ModelInfo[];
  note: (method: string, args: object) => void;
  emit: (event: LibraryEvent) => void;
}

export type PagesPart = Pick<
  Engine,
  'pause' | 'resume' | 'problems' | 'listFolder' | 'doctor' | 'export' | 'addFolder' | 'removeFolder'
>;

const home = '/home/you';
const inside: Record<string, readonly string[]> = {
  [home]: ['Documents', 'Downloads', 'Pictures'],
  [`${home}/Pictures`]: ['2023', '2024', 'Scans'],
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

export function fakePages({ photos, roots, jobs, troubles, models, note, emit }: FakePages): PagesPart {
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
    addFolder(args) {
      note('addFolder', args);
      if (!args.path.startsWith('/'))
        throw new AppError('bad-request', `"${args.path}" is not an absolute path.`);
      if (args.path.includes('missing')) throw new AppError('not-found', `There is no folder ${args.path}.`);
      const root = { id: roots.length + 1, path: args.path, state: 'online' as const, photos: photos.length };
      roots.push(root);
      photos.push(...world({ photos: 12 }).photos);
      return Promise.resolve(root);
    },
    removeFolder(args) {
      note('removeFolder', args);
      roots.splice(
        roots.findIndex((root) => root.id === args.id),
        1,
      );
      return Promise.resolve();
    },
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
