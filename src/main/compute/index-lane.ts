/** The index lane: reads, decodes and embeds photos. The only process that opens hostile files. */
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { AppError, reasonOf } from '../../shared/errors.ts';
import type { Model, Pixels } from '../inference/model.ts';
import { spoken } from '../inference/vision.ts';
import { Channel, limiter } from '../lib/channel.ts';
import { headBytes, imageType, isPhotoName } from '../lib/image-type.ts';
import { toHalf } from '../lib/vectors.ts';
import {
  closeUpOf,
  decode,
  meanColour,
  pictureSide,
  pixelHash,
  pixelsFor,
  thumbnailOf,
  type Decoded,
} from './decode.ts';
import { readMetadata } from './metadata.ts';
import { rawPreview } from './raw.ts';
import type { FileToRead, Identified, IndexEvent, IndexLane, PhotoToSee, SeenPhoto } from './messages.ts';

const maxBytes = 1024 * 1024 * 1024;
/** Photos decoded at once: more than there are threads, so that they have work while the model runs. */
const decodesAtOnce = 12;
/** Pictures of full size at once: each may hold half a gigabyte while it is decoded. */
const picturesAtOnce = 2;

/**
 * A larger prefix is not kept until its photo is captioned. The states that BLIP attends to take 0.9 MB a photo:
 * 90 GB for a library of a hundred thousand, where decoding each photo once more costs well under an hour.
 */
const keptNumbers = 1 << 16;

export function createIndexLane(loadModel: () => Promise<Model | undefined>): IndexLane {
  const decoding = limiter(decodesAtOnce);
  const modelTurn = limiter(1);
  const showing = limiter(picturesAtOnce);

  async function* process({
    files,
    model: wanted,
  }: {
    files: PhotoToSee[];
    model: boolean;
  }): AsyncGenerator<IndexEvent> {
    const events = new Channel<IndexEvent>();
    const model = wanted ? await loadModel() : undefined;
    const work = files.map((file) => decoding(() => read(file, model, events)));
    void Promise.all(work)
      .then((read) =>
        modelTurn(() =>
          runModel(
            model,
            read.filter((photo) => photo !== undefined),
            events,
          ),
        ),
      )
      .then((photos) => events.push({ kind: 'photos', photos }))
      .then(
        () => events.end(),
        (error: unknown) => events.fail(error),
      );
    yield* events;
  }

  return {
    identify: ({ files }) => Promise.all(files.map((file) => decoding(() => identify(file)))),
    process,
    async pixels({ file, preprocess }) {
      const { decoded } = await openPhoto(file, preprocess.longest);
      return await pixelsFor(decoded.picture, preprocess);
    },
    async size({ file }) {
      const { width, height } = (await openPhoto(file)).decoded;
      return { width, height };
    },
    picture: ({ file }) =>
      showing(async () => {
        const { decoded } = await openPhoto(file, pictureSide).catch((error: unknown) => {
          throw error instanceof AppError ? error : new AppError('unreadable', readable(error));
        });
        return await closeUpOf(decoded.picture);
      }),
    embed: (from) => showing(() => embed(loadModel, from, modelTurn)),
  };
}

interface ReadPhoto {
  photo: SeenPhoto;
  pixels: Pixels | undefined;
}

/** The file's content and its picture; of a RAW file, the JPEG that the camera put into it. */
async function openPhoto(file: FileToRead, side?: number): Promise<{ bytes: Buffer; decoded: Decoded }> {
  const bytes = await content(file.path);
  if (imageType(bytes.subarray(0, headBytes), file.name) !== 'raw')
    return { bytes, decoded: await decode(bytes, file.name, side) };
  const decoded = await decode(await rawPreview(file.path), `${file.name}.jpg`, side);
  return { bytes, decoded: { ...decoded, format: 'raw', exif: undefined } };
}

/** A picture from outside the library, which passes the same gates as a file. */
async function embed(
  loadModel: () => Promise<Model | undefined>,
  from: { file: FileToRead } | { image: Uint8Array },
  modelTurn: ReturnType<typeof limiter>,
): Promise<Uint8Array> {
  const model = await loadModel();
  if (!model?.see || !model.manifest.embed)
    throw new AppError('model', 'There is no model that can compare photos.');
  const { picture } =
    'file' in from ? (await openPhoto(from.file)).decoded : await decode(Buffer.from(from.image), '');
  const pixels = await pixelsFor(picture, model.manifest.preprocess);
  const [seen] = (await modelTurn(async () => model.see?.([pixels]))) ?? [];
  if (!seen?.embedding) throw new AppError('model', 'The model gave no vector for this picture.');
  return toHalf(seen.embedding);
}

/** Decodes one photo; what is wrong with it is an event, not an error. */
async function read(
  file: PhotoToSee,
  model: Model | undefined,
  events: Channel<IndexEvent>,
): Promise<ReadPhoto | undefined> {
  events.push({ id: file.id, kind: 'started' });
  try {
    const { bytes, decoded } = await openPhoto(file);
    const { picture, width, height } = decoded;
    const hash = pixelHash(picture);
    const unchanged = file.knownPixels !== null && Buffer.compare(hash, file.knownPixels) === 0;
    const [thumbnail, pixels, { size, mtimeUs }] = await Promise.all([
      thumbnailOf(picture),
      model && !unchanged ? pixelsFor(picture, model.manifest.preprocess) : undefined,
      statOf(file.path),
    ]);
    const facts = readMetadata(bytes, decoded, mtimeUs);
    const colour = meanColour(picture);
    const photo: SeenPhoto = {
      id: file.id,
      pixelHash: hash,
      width,
      height,
      colour,
      ...facts,
      thumbnail,
      vector: null,
      prefix: null,
      size,
      mtimeUs,
    };
    events.push({ id: file.id, kind: 'decoded' });
    return { photo, pixels };
  } catch (error) {
    events.push({ id: file.id, kind: 'failed', reason: readable(error) });
    return undefined;
  }
}

async function runModel(
  model: Model | undefined,
  read: ReadPhoto[],
  events: Channel<IndexEvent>,
): Promise<SeenPhoto[]> {
  const toSee = read.filter((entry) => entry.pixels !== undefined);
  if (model?.see && toSee.length > 0) {
    events.push({ kind: 'model', running: true });
    await new Promise(setImmediate); // lets the event out before the pass holds this thread
    const seen = await model.see(toSee.map((entry) => entry.pixels ?? new Uint8Array()));
    toSee.forEach(({ photo }, i) => {
      photo.vector = half(seen[i]?.embedding);
      photo.prefix = half(kept(spoken(model.manifest, seen[i]?.prefix)));
    });
    events.push({ kind: 'model', running: false });
  }
  return read.map((entry) => entry.photo);
}

const kept = (prefix: Float32Array | undefined): Float32Array | undefined =>
  prefix && prefix.length <= keptNumbers ? prefix : undefined;

const half = (numbers: Float32Array | undefined): Uint8Array | null => (numbers ? toHalf(numbers) : null);

/** Type by content, then SHA-256. A file that is plainly no photo is skipped; a photo by name that is empty failed. */
async function identify(file: FileToRead): Promise<Identified> {
  try {
    const handle = await open(Buffer.from(file.path), 'r');
    try {
      const head = Buffer.alloc(headBytes);
      const { bytesRead } = await handle.read(head, 0, headBytes, 0);
      if (bytesRead === 0) return empty(file);
      if (!imageType(head.subarray(0, bytesRead), file.name)) return notAPhoto(file);
      const hash = createHash('sha256');
      for await (const chunk of handle.createReadStream({
        start: 0,
        autoClose: false,
        highWaterMark: 1 << 20,
      }))
        hash.update(chunk as Buffer);
      return { id: file.id, kind: 'photo', hash: hash.digest() };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { id: file.id, kind: 'failed', reason: readable(error) };
  }
}

function empty(file: FileToRead): Identified {
  return isPhotoName(file.name)
    ? { id: file.id, kind: 'failed', reason: 'The file is empty (0 bytes).' }
    : { id: file.id, kind: 'skipped', reason: 'Not a photo: an empty file.' };
}

function notAPhoto(file: FileToRead): Identified {
  const reason = isPhotoName(file.name)
    ? 'Not a photo: its name says so, but its content is no image format that Iris knows.'
    : 'Not a photo.';
  return { id: file.id, kind: 'skipped', reason };
}

async function content(path: Uint8Array): Promise<Buffer> {
  const { size } = await stat(Buffer.from(path));
  if (size > maxBytes)
    throw new AppError('unreadable', `${Math.round(size / 1e6)} MB is more than Iris opens as one photo.`);
  return await readFile(Buffer.from(path));
}

async function statOf(path: Uint8Array): Promise<{ size: number; mtimeUs: number }> {
  const { size, mtimeNs } = await stat(Buffer.from(path), { bigint: true });
  return { size: Number(size), mtimeUs: Number(mtimeNs / 1000n) };
}

/** Errors of the file system in words: the path stands beside them already. */
function readable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'The file is gone.';
  if (code === 'EACCES' || code === 'EPERM') return 'Iris may not read it: permission denied.';
  return reasonOf(error);
}
