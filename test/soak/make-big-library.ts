/** A library of a hundred thousand photos, written as indexing writes it, without files to read. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { places } from '../../src/main/lib/places.ts';
import { normalise, toHalf } from '../../src/main/lib/vectors.ts';
import { listModels } from '../../src/main/inference/registry.ts';
import { openLibrary, type WriteDb } from '../../src/main/store/database.ts';
import { addRoot, createPhoto, noteFiles, pendingFiles, settleFile } from '../../src/main/store/files.ts';
import {
  saveFacts,
  saveModelCaption,
  saveModelResults,
  saveThumbnail,
} from '../../src/main/store/results.ts';
import { indexWords } from '../../src/main/store/texts.ts';

export interface BigLibrary {
  photos: number;
  /** How many different thumbnails they share. */
  thumbnails: number;
}

const years = 15;
const lastDay = Date.UTC(2026, 5, 30);
const dayMs = 86_400_000;
const dimension = 768;
const rowsAtOnce = 2000;
const themes = ['Alps', 'Berlin', 'Garden', 'Harbour', 'Kyoto', 'Lisbon', 'Office', 'Workshop'];
const cameras = ['Canon EOS 6D', 'NIKON D750', 'Apple iPhone 12', 'SONY ILCE-7M3', 'FUJIFILM X-T3', null];
const who = ['a dog', 'two children', 'a man in a red shirt', 'a woman', 'a group of people', 'a cyclist'];
const does = ['running', 'sitting', 'jumping', 'walking', 'smiling', 'playing'];
const where = ['in the snow', 'on a beach', 'in a field', 'on a street', 'near the water', 'by a fence'];
const sizes = [
  [4000, 3000],
  [3000, 4000],
  [6000, 4000],
  [4032, 2268],
  [3000, 3000],
] as const;

/** The same numbers every time, so that two runs measure the same library. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const pick = <T>(from: readonly T[], at: number): T => from[Math.floor(at) % from.length] as T;

/** Fills `directory` with a library; its root is an empty folder beside it. */
export async function makeBigLibrary(directory: string, { photos, thumbnails }: BigLibrary): Promise<void> {
  const model = (await listModels(places.models)).find(({ can }) => can.includes('search'));
  if (!model) throw new Error(`Expected a model in ${places.models}: see models/train.`);
  const pictures = await makeThumbnails(thumbnails);
  const db = openLibrary(directory, 'write', 'the maker of a big library');
  try {
    const files = noteAll(db, path.join(directory, 'root'), photos);
    const vector = vectors();
    for (let from = 0; from < files.length; from += rowsAtOnce)
      db.transaction(() => {
        files.slice(from, from + rowsAtOnce).forEach((file, i) => {
          const photo = { file, at: from + i, jpeg: pick(pictures, from + i), vector: vector() };
          writePhoto(db, photo, model.version);
        });
      });
  } finally {
    db.close();
  }
}

/** The files of a root that is there but empty, so that nothing but these rows is looked at. */
function noteAll(db: WriteDb, folder: string, photos: number): number[] {
  mkdirSync(folder, { recursive: true });
  const root = addRoot(db, Buffer.from(folder));
  const stamp = { size: 3_000_000, mtimeUs: 1, ctimeUs: 1, inode: '1' };
  for (let from = 0; from < photos; from += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, photos - from);
    const names = Array.from({ length: count }, (_, i) => Buffer.from(nameOf(from + i, photos)));
    noteFiles(
      db,
      root,
      names.map((name) => ({ path: name, ...stamp })),
    );
  }
  return pendingFiles(db, null, [root])
    .map(({ id }) => id)
    .sort((a, b) => a - b);
}

function nameOf(at: number, photos: number): string {
  const year = 2011 + Math.floor((at / photos) * years);
  return `${year}/${pick(themes, at / 97)}/IMG_${String(at).padStart(6, '0')}.jpg`;
}

interface NewPhoto {
  file: number;
  at: number;
  jpeg: Uint8Array;
  vector: Uint8Array;
}

function writePhoto(db: WriteDb, { file, at, jpeg, vector }: NewPhoto, model: string): void {
  const id = createPhoto(db, Buffer.from(`pixels ${at}`));
  settleFile(db, file, Buffer.from(`content ${at}`), id);
  saveFacts(db, id, factsOf(at));
  saveThumbnail(db, id, jpeg);
  saveModelResults(db, id, { model, vector, prefix: null });
  const text = `${pick(who, at)} ${pick(does, at / 6)} ${pick(where, at / 36)}`;
  saveModelCaption(db, id, { model, prompt: '', text, confidence: 0.5 });
  indexWords(db, id);
}

function factsOf(at: number): Parameters<typeof saveFacts>[2] {
  const random = numbers(at);
  random();
  const [width, height] = pick(sizes, random() * sizes.length);
  // One in fifty has no date; the others lie anywhere in the years.
  const taken = new Date(lastDay - Math.floor(random() * years * 365 * dayMs));
  const located = random() < 0.3;
  return {
    width,
    height,
    colour: `#${Math.floor(random() * 0xffffff)
      .toString(16)
      .padStart(6, '0')}`,
    takenAt: at % 50 === 0 ? '' : taken.toISOString().slice(0, 19),
    metadata: {
      format: 'jpeg',
      offset: null,
      camera: pick(cameras, random() * cameras.length),
      lens: null,
      latitude: located ? random() * 120 - 50 : null,
      longitude: located ? random() * 300 - 150 : null,
      orientation: 1,
      exposure: '1/100',
      aperture: 2.8,
      iso: 200,
      focalLength: 35,
      rating: at % 10 === 0 ? 4 : null,
    },
  };
}

/** Random directions: windows into one long row of bell-shaped numbers. */
function vectors(): () => Uint8Array {
  const random = numbers(7);
  const bell = Float32Array.from({ length: 1_000_000 }, () => random() + random() + random() - 1.5);
  return () => {
    const start = Math.floor(random() * (bell.length - dimension));
    return toHalf(normalise(bell.subarray(start, start + dimension)));
  };
}

/** Small JPEGs, each another part of a sample. */
async function makeThumbnails(count: number): Promise<Uint8Array[]> {
  const names = ['01', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13'];
  const wide = await Promise.all(
    names.map((name) =>
      sharp(path.join(places.samples, `sample-${name}.jpg`))
        .autoOrient()
        .resize(560, 420, { fit: 'cover' })
        .removeAlpha()
        .raw()
        .toBuffer(),
    ),
  );
  const made: Uint8Array[] = [];
  for (let at = 0; at < count; at++) {
    const turn = Math.floor(at / wide.length);
    made.push(
      await sharp(pick(wide, at), { raw: { width: 560, height: 420, channels: 3 } })
        .extract({ left: (turn * 7) % 240, top: (turn * 11) % 180, width: 320, height: 240 })
        .jpeg({ quality: 70 })
        .toBuffer(),
    );
  }
  return made;
}
