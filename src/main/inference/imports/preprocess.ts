/** What an image processor of transformers does, as the manifest says it. */
import { AppError } from '../../../shared/errors.ts';
import type { Preprocess } from '../model.ts';
import type { Settings } from './settings.ts';

/** Pillow's numbers of its filters. */
const filters = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' } as const;

/** A size, or a bound of one: transformers writes a number, both sides, or the shortest or longest edge. */
interface Size {
  width?: number | undefined;
  height?: number | undefined;
  shortest?: number | undefined;
  longest?: number | undefined;
}

/** Of a model whose photos have one size. Throws AppError('model') for what Iris cannot do the same way. */
export function fixedPreprocess(settings: Settings): Preprocess {
  const size = sizeOf(settings, 'size');
  const crops = settings.flag('do_center_crop', false);
  const crop = sizeOf(settings, 'crop_size');
  if (!settings.flag('do_resize', true)) throw settings.wrong('do_resize', 'true: photos are of any size');
  if (!crops || (size.width !== undefined && crop.width === size.width && crop.height === size.height)) {
    const side = size.width === undefined ? settings.number('size') : undefined;
    const [width, height] = [size.width ?? side, size.height ?? side];
    if (width === undefined || height === undefined)
      throw settings.wrong('size', 'a height and a width, or a centre crop');
    return { ...values(settings), width, height, fit: 'fill' };
  }
  const edge = size.shortest ?? settings.number('size');
  const side = crop.width ?? settings.number('crop_size') ?? edge;
  if (edge === undefined || side !== edge || (crop.height ?? side) !== side)
    throw settings.wrong('crop_size', 'a square as large as the shortest edge of "size"');
  return { ...values(settings), width: side, height: side, fit: 'cover', centre: 'floor' };
}

/** Of Idefics3 and SmolVLM: photos in tiles, unless they are not to be split. */
export function tiledPreprocess(settings: Settings): Preprocess {
  const side = sizeOf(settings, 'max_image_size').longest;
  const longest = sizeOf(settings, 'size').longest;
  if (side === undefined) throw settings.wrong('max_image_size', 'a longest_edge');
  if (longest === undefined) throw settings.wrong('size', 'a longest_edge');
  const splits = settings.flag('do_image_splitting', true);
  return {
    ...values(settings),
    width: side,
    height: side,
    fit: 'tiles',
    longest: splits ? longest : side,
  };
}

/**
 * Every patch attends to every other: 576 cells of four are 2,304 patches, whose scores take 340 MB in a tower of 16
 * heads. The public settings allow 16,384 cells, which only a film's frame on a large card is meant to have.
 */
const mostCells = 576;

/** Of Qwen2-VL: photos of nearly their own size, in patches, and not more of them than a computer of today holds. */
export function patchedPreprocess(settings: Settings): Preprocess {
  const patch = settings.needNumber('patch_size');
  const side = patch * (settings.number('merge_size') ?? 1);
  const { shortest, longest } = sizeOf(settings, 'size');
  const minPixels = settings.number('min_pixels') ?? shortest;
  const maxPixels = settings.number('max_pixels') ?? longest;
  if (minPixels === undefined || maxPixels === undefined)
    throw settings.wrong('size', 'the fewest and most pixels, or min_pixels and max_pixels');
  return {
    ...values(settings),
    width: side,
    height: side,
    fit: 'patches',
    minPixels,
    maxPixels: Math.max(minPixels, Math.min(maxPixels, mostCells * side * side)),
    patch,
    frames: settings.number('temporal_patch_size') ?? 1,
  };
}

function sizeOf(settings: Settings, name: string): Size {
  const size = settings.part(name);
  return {
    width: size.number('width'),
    height: size.number('height'),
    shortest: size.number('shortest_edge'),
    longest: size.number('longest_edge'),
  };
}

/** How pixels become numbers: of 0 to 255, where transformers counts from 0 to 1. */
function values(settings: Settings): Pick<Preprocess, 'version' | 'resample' | 'mean' | 'std'> {
  const factor = settings.flag('do_rescale', true) ? (settings.number('rescale_factor') ?? 1 / 255) : 1;
  const normal = settings.flag('do_normalize', true);
  const [mean, std] = normal
    ? [settings.colours('image_mean'), settings.colours('image_std')]
    : [[0, 0, 0] as const, [1, 1, 1] as const];
  if (std.some((x) => x <= 0)) throw settings.wrong('image_std', 'three numbers above 0');
  const scaled = ([red, green, blue]: readonly [number, number, number]): [number, number, number] => [
    rounded(red / factor),
    rounded(green / factor),
    rounded(blue / factor),
  ];
  return { version: 1, resample: resampleOf(settings), mean: scaled(mean), std: scaled(std) };
}

function resampleOf(settings: Settings): Preprocess['resample'] {
  const number = settings.number('resample') ?? 3;
  const [, found] = Object.entries(filters).find(([key]) => Number(key) === number) ?? [];
  if (found) return found;
  throw settings.wrong('resample', '1 (Lanczos), 2 (bilinear) or 3 (bicubic)') satisfies AppError;
}

/** As the exporter rounds, so that either way of getting a model here gives one version. */
function rounded(x: number): number {
  return Math.round(x * 1e6) / 1e6;
}
