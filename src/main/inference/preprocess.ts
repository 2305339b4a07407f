/** From a photo to the model's numbers: where to resize, crop and pad, and pixels to a tensor. */
import { AppError } from '../../shared/errors.ts';
import type { Pixels, Preprocess } from './model.ts';

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What the decoder does with an upright photo to get the model's pixels, in this order. */
export interface ResizePlan {
  /** Size to resize to, aspect ratio not kept beyond what these numbers say. */
  width: number;
  height: number;
  /** Part of the resized picture to keep, for `cover`. */
  crop?: Box;
  /** Borders to add, in pixels, and their colour, for `contain`. */
  pad?: { left: number; top: number; right: number; bottom: number; colour: [number, number, number] };
}

/** sharp's names of the resampling kernels. */
export const kernels = { bicubic: 'cubic', bilinear: 'linear', lanczos: 'lanczos3' } as const;

/** Plans how a photo of `width` x `height` pixels becomes the model's size. */
export function resizePlan(width: number, height: number, preprocess: Preprocess): ResizePlan {
  if (!(width >= 1 && height >= 1)) {
    throw new AppError('internal', `A photo needs at least one pixel, not ${width} x ${height}.`);
  }
  if (preprocess.fit === 'cover') return cover(width, height, preprocess);
  if (preprocess.fit === 'contain') return contain(width, height, preprocess);
  return { width: preprocess.width, height: preprocess.height };
}

/** As torchvision's Resize and CenterCrop: the longer side truncated, the offset rounded half to even unless floored. */
function cover(width: number, height: number, target: Preprocess): ResizePlan {
  const byWidth = width * target.height <= height * target.width;
  const resized = byWidth
    ? { width: target.width, height: Math.floor((target.width * height) / width) }
    : { width: Math.floor((target.height * width) / height), height: target.height };
  const round = target.centre === 'floor' ? Math.floor : roundHalfEven;
  const left = round((resized.width - target.width) / 2);
  const top = round((resized.height - target.height) / 2);
  return { ...resized, crop: { left, top, width: target.width, height: target.height } };
}

function contain(width: number, height: number, target: Preprocess): ResizePlan {
  const scale = Math.min(target.width / width, target.height / height);
  const resized = {
    width: Math.min(target.width, Math.max(1, Math.round(width * scale))),
    height: Math.min(target.height, Math.max(1, Math.round(height * scale))),
  };
  const [across, down] = [target.width - resized.width, target.height - resized.height];
  const [left, top] = [Math.floor(across / 2), Math.floor(down / 2)];
  const [red, green, blue] = target.mean;
  const colour: [number, number, number] = [Math.round(red), Math.round(green), Math.round(blue)];
  return { ...resized, pad: { left, top, right: across - left, bottom: down - top, colour } };
}

/** Python's `round`, which torchvision uses. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Photos -> [n, 3, height, width] in row-major order, each value (x - mean) / std. */
export function toTensor(batch: readonly Pixels[], preprocess: Preprocess): Float32Array {
  const area = preprocess.width * preprocess.height;
  const tensor = new Float32Array(batch.length * 3 * area);
  const tables = [0, 1, 2].map((channel) => valueTable(preprocess, channel));
  batch.forEach((pixels, row) => {
    if (pixels.length !== 3 * area) {
      const size = `${preprocess.width} x ${preprocess.height} x 3`;
      throw new AppError('internal', `A photo for the model has ${pixels.length} bytes instead of ${size}.`);
    }
    tables.forEach((table, channel) => {
      const plane = tensor.subarray((row * 3 + channel) * area, (row * 3 + channel + 1) * area);
      for (let i = 0; i < area; i++) plane[i] = table[pixels[3 * i + channel] ?? 0] ?? 0;
    });
  });
  return tensor;
}

/** The tensor's value for each of the 256 levels of one channel. */
export function valueTable(preprocess: Preprocess, channel: number): Float32Array {
  const mean = preprocess.mean[channel] ?? 0;
  const std = preprocess.std[channel] ?? 1;
  return Float32Array.from({ length: 256 }, (_, level) => (level - mean) / std);
}

/** Pillow's kernels: how many pixels they reach to each side, and the weight at a distance. */
const shapes: Record<Preprocess['resample'], { reach: number; weight: (x: number) => number }> = {
  bilinear: { reach: 1, weight: (x) => 1 - Math.abs(x) },
  bicubic: { reach: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { reach: 3, weight: (x) => sinc(x) * sinc(x / 3) },
};

function cubic(x: number): number {
  const a = -0.5;
  return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : (((x - 5) * x + 8) * x - 4) * a;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * Resizes as Pillow does, both ways with pixels' centres as their places. Only for photos smaller than the model's
 * input: sharp is many times faster, but what it enlarges lies up to half a pixel off (libvips 8.18).
 */
export function enlarge(pixels: Pixels, from: Size, to: Size, resample: Preprocess['resample']): Pixels {
  const wide = resizeRows(pixels, from, to.width, resample);
  const turned = transpose(wide, { width: to.width, height: from.height });
  const tall = resizeRows(turned, { width: from.height, height: to.width }, to.height, resample);
  return transpose(tall, { width: to.height, height: to.width });
}

interface Size {
  width: number;
  height: number;
}

function resizeRows(
  pixels: Pixels,
  { width, height }: Size,
  newWidth: number,
  resample: Preprocess['resample'],
): Pixels {
  if (newWidth === width) return pixels;
  const taps = Array.from({ length: newWidth }, (_, x) => tapsFor(x, width, newWidth, resample));
  const resized = new Uint8ClampedArray(3 * newWidth * height);
  for (let y = 0; y < height; y++) {
    taps.forEach(({ start, weights }, x) => {
      for (let channel = 0; channel < 3; channel++) {
        const first = 3 * (y * width + start) + channel;
        const sum = weights.reduce((total, weight, k) => total + weight * (pixels[first + 3 * k] ?? 0), 0);
        resized[3 * (y * newWidth + x) + channel] = Math.floor(sum + 0.5);
      }
    });
  }
  return new Uint8Array(resized.buffer);
}

/** Which pixels of a row make up pixel `x` of the new one, and their weights, which sum to 1. */
function tapsFor(
  x: number,
  width: number,
  newWidth: number,
  resample: Preprocess['resample'],
): { start: number; weights: number[] } {
  const scale = width / newWidth;
  const spread = Math.max(1, scale);
  const { reach, weight } = shapes[resample];
  const centre = (x + 0.5) * scale;
  const start = Math.max(0, Math.trunc(centre - reach * spread + 0.5));
  const end = Math.min(width, Math.trunc(centre + reach * spread + 0.5));
  const raw = Array.from({ length: end - start }, (_, k) => weight((start + k - centre + 0.5) / spread));
  const sum = raw.reduce((a, b) => a + b, 0);
  return { start, weights: raw.map((value) => value / sum) };
}

function transpose(pixels: Pixels, { width, height }: Size): Pixels {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), 3 * (x * height + y)];
      for (let channel = 0; channel < 3; channel++) turned[to + channel] = pixels[from + channel] ?? 0;
    }
  }
  return turned;
}
