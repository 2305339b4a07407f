/**
 * Photos of no fixed size, which a model sees as a grid of cells: tiles of a large picture with the whole beside them
 * (Idefics3, SmolVLM), or a picture of nearly its own size in patches (Qwen2-VL).
 *
 * [Note: grids] How many rows and columns there are travels with the photo: as four bytes after its pixels, and as two
 * numbers before its prefix.
 */
import { AppError } from '../../shared/errors.ts';
import type { Pixels, Preprocess } from './model.ts';

export interface Grid {
  rows: number;
  columns: number;
}

interface Size {
  width: number;
  height: number;
}

/** Photos are never resized to a longer side than this: as in transformers' Idefics3ImageProcessor. */
const longestSide = 4096;

/**
 * How a photo is cut into tiles: the sizes it is resized to, one after the other, and the grid of the last; a grid of no
 * rows where one tile holds it all. As transformers' Idefics3ImageProcessor does it, its order of rounding included.
 */
export function tilePlan({ width, height }: Size, tiles: Preprocess): { sizes: Size[]; grid: Grid } {
  const inside = bounded(scaled({ width, height }, tiles.longest ?? tiles.width));
  const wide = inside.width >= inside.height;
  const aspect = inside.width / inside.height;
  const up = (x: number): number => Math.max(1, Math.ceil(x / tiles.width)) * tiles.width;
  const long = up(wide ? inside.width : inside.height);
  const short = up(Math.trunc(wide ? long / aspect : long * aspect));
  const whole = wide ? { width: long, height: short } : { width: short, height: long };
  const one = long === tiles.width && short === tiles.width;
  const grid = { rows: whole.height / tiles.width, columns: whole.width / tiles.width };
  return { sizes: [inside, whole], grid: one ? { rows: 0, columns: 0 } : grid };
}

/** The longer side becomes `longest`, the other an even number. */
function scaled({ width, height }: Size, longest: number): Size {
  const even = (x: number): number => Math.max(1, x + (x % 2));
  const aspect = width / height;
  return width >= height
    ? { width: longest, height: even(Math.trunc(longest / aspect)) }
    : { width: even(Math.trunc(longest * aspect)), height: longest };
}

function bounded({ width, height }: Size): Size {
  const aspect = width / height;
  if (Math.max(width, height) <= longestSide) return { width, height };
  return width >= height
    ? { width: longestSide, height: Math.max(1, Math.trunc(longestSide / aspect)) }
    : { width: Math.max(1, Math.trunc(longestSide * aspect)), height: longestSide };
}

/** The tiles of a picture whose sides are multiples of a tile's, row by row, then the whole as one tile; and the grid. */
export function packTiles(
  picture: Size & { data: Uint8Array },
  whole: Pixels,
  { rows, columns }: Grid,
): Pixels {
  const size = whole.length;
  const packed = new Uint8Array((rows * columns + 1) * size + gridBytes);
  const side = Math.round(Math.sqrt(size / 3));
  for (let tile = 0; tile < rows * columns; tile++) {
    const [top, left] = [Math.floor(tile / columns) * side, (tile % columns) * side];
    for (let y = 0; y < side; y++) {
      const from = 3 * ((top + y) * picture.width + left);
      packed.set(picture.data.subarray(from, from + 3 * side), tile * size + 3 * y * side);
    }
  }
  packed.set(whole, rows * columns * size);
  return signed(packed, { rows, columns });
}

const gridBytes = 4;

/** Writes the grid into the last bytes. */
export function signed(pixels: Uint8Array, { rows, columns }: Grid): Pixels {
  const view = new DataView(pixels.buffer, pixels.byteOffset + pixels.length - gridBytes, gridBytes);
  view.setUint16(0, rows, true);
  view.setUint16(2, columns, true);
  return pixels;
}

/** A photo's grid, and its pixels without it. Throws AppError('internal') where they do not belong together. */
export function gridOf(pixels: Pixels): { grid: Grid; cells: Pixels } {
  const cells = pixels.subarray(0, -gridBytes);
  const view = new DataView(pixels.buffer, pixels.byteOffset + cells.length, gridBytes);
  const grid = { rows: view.getUint16(0, true), columns: view.getUint16(2, true) };
  return { grid, cells };
}

/** The cells of a photo as a prefix that begins with its grid. */
export function withGrid({ rows, columns }: Grid, cells: readonly Float32Array[]): Float32Array {
  const width = cells[0]?.length ?? 0;
  const prefix = new Float32Array(gridNumbers + cells.length * width);
  prefix.set([rows, columns]);
  cells.forEach((cell, at) => prefix.set(cell, gridNumbers + at * width));
  return prefix;
}

const gridNumbers = 2;

/** The grid before a prefix, and the rest. */
export function readGrid(prefix: Float32Array): { grid: Grid; values: Float32Array } {
  const [rows, columns] = prefix;
  if (rows === undefined || columns === undefined)
    throw new AppError('internal', 'An image prefix has no grid before it.');
  return { grid: { rows, columns }, values: prefix.subarray(gridNumbers) };
}
