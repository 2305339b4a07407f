/** Decodes a photo once: an upright picture, by default of at most 720 px, for thumbnail and model input both. */
import { createHash } from 'node:crypto';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { packPatches, packTiles, patchPlan, tilePlan } from '../inference/grid.ts';
import { enlarge, kernels, resizePlan } from '../inference/preprocess.ts';
import type { Pixels, Preprocess } from '../inference/model.ts';
import { imageType, headBytes } from '../lib/image-type.ts';

/** Larger headers are refused before decoding: a header of 100 bytes can ask for gigabytes. */
const maxPixels = 150_000_000;
const thumbnailSide = 720;
/** Longest side of a photo that is looked at closely: more than most screens show. */
export const pictureSide = 4096;
const decodeSeconds = 15;

sharp.concurrency(1); // many photos at once beat many threads on one
sharp.cache(false);

export interface Picture {
  /** Upright sRGB, `width * height * 3` bytes. */
  data: Buffer;
  width: number;
  height: number;
}

export interface Decoded {
  picture: Picture;
  /** Upright size of the original. */
  width: number;
  height: number;
  format: string;
  orientation: number;
  exif: Buffer | undefined;
  xmp: Buffer | undefined;
}

/**
 * Decodes file content to an upright picture of at most `side` px, shrinking on load where the format can.
 *
 * Throws AppError `unreadable` with what the decoder said.
 */
export async function decode(content: Buffer, name: string, side = thumbnailSide): Promise<Decoded> {
  const type = imageType(content.subarray(0, headBytes), name);
  if (!type)
    throw new AppError('unreadable', 'Its content is no image format that Iris knows, such as JPEG or PNG.');
  if (type === 'bmp')
    throw new AppError('unreadable', 'Iris does not read BMP files; save it as PNG or JPEG.');
  try {
    const source = type === 'heic' ? await decodeHeic(content) : { image: open(content), orient: true };
    return await shrink(source.image, source.orient, side);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // libvips keeps one text of errors for all its threads: a neighbour may have taken this one's away.
    const reason = reasonOf(error).replace('Unknown error', 'it is damaged or cut short');
    throw new AppError('unreadable', `Not decodable as ${type}: ${reason}`);
  }
}

function open(content: Buffer): Sharp {
  // "error" refuses truncated files but not harmless oddities, which every viewer shows.
  return sharp(content, { failOn: 'error', limitInputPixels: maxPixels, sequentialRead: true, pages: 1 });
}

async function shrink(image: Sharp, orient: boolean, side: number): Promise<Decoded> {
  const header = await image.metadata();
  checkSize(header);
  let upright = (orient ? image.autoOrient() : image)
    .timeout({ seconds: decodeSeconds })
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true, kernel: 'cubic' });
  if (header.hasAlpha) upright = upright.flatten({ background: '#ffffff' });
  const { data, info } = await upright
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const orientation = orient ? (header.orientation ?? 1) : 1;
  const turned = orientation >= 5;
  return {
    picture: { data: threeChannels(data, info.channels), width: info.width, height: info.height },
    width: turned ? header.height : header.width,
    height: turned ? header.width : header.height,
    format: header.format,
    orientation,
    exif: header.exif,
    xmp: header.xmp,
  };
}

function checkSize(header: Metadata): void {
  if (header.width * header.height > maxPixels)
    throw new AppError(
      'unreadable',
      `It says it is ${header.width} x ${header.height} pixels; Iris opens photos of up to ${maxPixels / 1e6} megapixels.`,
    );
}

function threeChannels(data: Buffer, channels: number): Buffer {
  if (channels === 3) return data;
  if (channels !== 1) throw new AppError('unreadable', `Expected 1 or 3 colour channels, found ${channels}.`);
  const rgb = Buffer.allocUnsafe(data.length * 3);
  for (let i = 0; i < data.length; i++) rgb.fill(data[i] ?? 0, 3 * i, 3 * i + 3);
  return rgb;
}

/** HEIC through libheif's WebAssembly build, since sharp's prebuilt library has no HEVC; it comes out upright. */
async function decodeHeic(content: Buffer): Promise<{ image: Sharp; orient: boolean }> {
  const { default: heic } = await import('heic-decode');
  const [first] = await heic.all({ buffer: content });
  if (!first) throw new AppError('unreadable', 'This HEIC file holds no picture.');
  if (first.width * first.height > maxPixels)
    throw new AppError(
      'unreadable',
      `It says it is ${first.width} x ${first.height} pixels, more than Iris opens.`,
    );
  const { data, width, height } = await first.decode();
  const image = sharp(Buffer.from(data.buffer), { raw: { width, height, channels: 4 } }).png({
    compressionLevel: 0,
  });
  return { image: sharp(await image.toBuffer()), orient: false };
}

const raw = (picture: Picture): Sharp =>
  sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } });

export async function thumbnailOf(picture: Picture): Promise<Uint8Array> {
  return await raw(picture).jpeg({ quality: 82 }).toBuffer();
}

export async function closeUpOf(picture: Picture): Promise<Uint8Array> {
  return await raw(picture).jpeg({ quality: 88 }).toBuffer();
}

/** The picture at the model's own size and fit, as bytes RGB. */
export async function pixelsFor(picture: Picture, preprocess: Preprocess): Promise<Pixels> {
  if (preprocess.fit === 'tiles') return await tilesOf(picture, preprocess);
  if (preprocess.fit === 'patches') {
    const { size, grid } = patchPlan(picture, preprocess);
    return packPatches(await resized(picture, size, preprocess.resample).raw().toBuffer(), grid);
  }
  const plan = resizePlan(picture.width, picture.height, preprocess);
  if (plan.width === picture.width && plan.height === picture.height && !plan.crop && !plan.pad)
    return picture.data;
  let image = resized(picture, plan, preprocess.resample);
  if (plan.crop) image = image.extract(plan.crop);
  if (plan.pad) {
    const [r, g, b] = plan.pad.colour;
    image = image.extend({ ...plan.pad, background: { r, g, b } });
  }
  return await image.raw().toBuffer();
}

function resized(
  picture: Picture,
  to: { width: number; height: number },
  resample: Preprocess['resample'],
): Sharp {
  const { width, height } = to;
  const larger = width > picture.width || height > picture.height;
  if (larger) return raw({ width, height, data: Buffer.from(enlarge(picture.data, picture, to, resample)) });
  return raw(picture).resize(width, height, { fit: 'fill', kernel: kernels[resample] });
}

/** The picture in tiles, and as a whole. */
async function tilesOf(picture: Picture, preprocess: Preprocess): Promise<Pixels> {
  const { sizes, grid } = tilePlan(picture, preprocess);
  let large = picture;
  for (const size of sizes)
    large = { ...size, data: await resized(large, size, preprocess.resample).raw().toBuffer() };
  const whole = await resized(large, preprocess, preprocess.resample).raw().toBuffer();
  return packTiles(large, whole, grid);
}

/** Tells a changed picture from changed metadata: the hash of the decoded, upright pixels. */
export function pixelHash(picture: Picture): Uint8Array {
  const size = `${picture.width}x${picture.height}:`;
  return createHash('sha256').update(size).update(picture.data).digest().subarray(0, 16);
}

/** Mean colour as `#rrggbb`, from about a thousand pixels. */
export function meanColour(picture: Picture): string {
  const pixels = picture.data.length / 3;
  const step = Math.max(1, Math.floor(pixels / 1000));
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < pixels; i += step, count++)
    for (let c = 0; c < 3; c++) sums[c] = (sums[c] ?? 0) + (picture.data[3 * i + c] ?? 0);
  return (
    '#' +
    sums
      .map((sum) =>
        Math.round(sum / count)
          .toString(16)
          .padStart(2, '0'),
      )
      .join('')
  );
}
