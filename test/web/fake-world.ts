/** A made-up library in memory: what the fake engine shows, in every state a page must draw. */
import type {
  Found,
  Job,
  LibraryStatus,
  PhotoDetails,
  PhotoSummary,
  Root,
} from '../../src/shared/contract.ts';
import { plainMetadata } from '../plain-metadata.ts';

export interface FakeOptions {
  photos?: number;
  /** Texts put in as names, captions and answers, to see that none of them ever runs. */
  hostile?: readonly string[];
  /** Photos 5 and 9 have failed, 12 and 13 wait, the second root is away, an index job runs. */
  troubles?: boolean;
  /** A GPU was to run a model and failed. */
  demoted?: LibraryStatus['demoted'];
  /** A second model that can describe and talk is here. */
  twoModels?: boolean;
  /** Milliseconds a search takes. */
  searchMs?: (query: string) => number;
  /** Milliseconds between two words of an answer. */
  wordMs?: number;
}

const things = ['child', 'dog', 'river', 'mountain', 'bicycle', 'cup of coffee', 'boat', 'horse'];
const scenes = ['on the beach', 'in the snow', 'under a red umbrella', 'at dusk', 'in a green field'];
const ratios = [1.5, 1.333, 0.667, 1.5, 1, 1.778, 0.75, 1.5, 2.4, 1.333];

export function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T;
}

export function colourOf(id: number): string {
  const hue = (id * 47) % 360;
  const channel = (shift: number): string =>
    Math.round(110 + 70 * Math.cos(((hue + shift) * Math.PI) / 180))
      .toString(16)
      .padStart(2, '0');
  return `#${channel(0)}${channel(240)}${channel(120)}`;
}

function summary(id: number, options: FakeOptions): PhotoSummary {
  const hostile = options.hostile?.[(id - 1) % options.hostile.length];
  const ratio = pick(ratios, id * 7);
  const failed = options.troubles === true && (id === 5 || id === 9);
  const waiting = options.troubles === true && (id === 12 || id === 13);
  const day = new Date(Date.UTC(2024, 5, 30) - id * 7_200_000).toISOString().slice(0, 19);
  return {
    id,
    name: hostile ?? `IMG_${String(1000 + id)}.jpg`,
    width: failed || waiting ? 0 : Math.round(1200 * ratio),
    height: failed || waiting ? 0 : 1200,
    takenAt: day,
    colour: colourOf(id),
    caption: hostile ?? (failed || waiting ? null : `A ${pick(things, id)} ${pick(scenes, id * 3)}.`),
    state: failed ? 'failed' : waiting ? 'waiting' : 'ready',
    rating: id % 5,
  };
}

export function details(photo: PhotoSummary, options: FakeOptions): PhotoDetails {
  const caption = photo.caption;
  return {
    ...photo,
    files: [
      {
        path: `/photos/Trips/${photo.name}`,
        bytes: 3_400_000 + photo.id,
        modifiedAt: '2024-06-30T08:00:00Z',
        present: !(options.troubles === true && photo.id === 7),
      },
    ],
    metadata: {
      ...plainMetadata,
      ...(photo.id % 3 === 0
        ? {}
        : {
            offset: '+02:00',
            camera: 'FUJIFILM X-T30 II',
            lens: 'XF 35mm F2',
            exposure: '1/250',
            aperture: 2.8,
            iso: 400,
            focalLength: 35,
            latitude: 48.8584,
            longitude: 2.2945,
          }),
    },
    tags: [],
    captions:
      caption === null
        ? []
        : [
            {
              text: caption,
              source: 'model',
              model: 'iris-starter',
              prompt: null,
              createdAt: '2026-01-12T10:00:00Z',
            },
          ],
    chat: [],
    reason: photo.state === 'failed' ? 'The file ends after 1,204 of 88,200 bytes.' : null,
  };
}

export const runningJob: Job = {
  id: 2,
  kind: 'index',
  state: 'running',
  phase: 'index',
  done: 830,
  total: 2000,
  rate: 34.1,
  secondsLeft: 34,
  report: null,
  error: null,
};

export function finishedJob(troubles: boolean): Job {
  const failed = troubles
    ? [5, 9].map((id) => ({
        path: `/photos/Trips/IMG_${String(1000 + id)}.jpg`,
        reason: 'The file ends after 1,204 of 88,200 bytes.',
      }))
    : [];
  return {
    ...runningJob,
    id: 1,
    state: 'done',
    phase: 'finished',
    done: 2000,
    rate: 0,
    secondsLeft: 0,
    report: { photos: 2000, indexed: 1998, unchanged: 0, skipped: [], failed, seconds: 58 },
  };
}

export interface World {
  photos: PhotoDetails[];
  roots: Root[];
  jobs: Job[];
}

export function world(options: FakeOptions): World {
  const count = options.photos ?? 240;
  const troubles = options.troubles === true;
  const photos = Array.from({ length: count }, (_, at) => details(summary(at + 1, options), options));
  const half = Math.ceil(count / 2);
  const roots: Root[] = [
    { id: 1, path: '/photos/Trips', state: 'online', photos: half },
    { id: 2, path: '/media/usb/Family', state: troubles ? 'offline' : 'online', photos: count - half },
  ];
  return {
    photos,
    roots: count === 0 ? [] : roots,
    jobs: troubles ? [finishedJob(true), runningJob] : [],
  };
}

/** Two things in a photo: in its left upper quarter, and to the right of its middle. */
export function boxesIn({ width, height }: PhotoSummary): Found[] {
  return [
    { label: 'dog', box: [0, 0, width / 2, height / 2] },
    { label: 'bench', box: [0.6 * width, 0.2 * height, 0.9 * width, 0.8 * height] },
  ];
}
