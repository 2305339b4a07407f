/**
 * Photos of no fixed size, which a model sees as a grid of cells: tiles of a large picture with the whole beside them
 * (Idefics3, SmolVLM), or a picture of nearly its own size in patches (Qwen2-VL).
 *
 * [Note: grids] How many rows and columns there are travels with the photo: as four bytes after its pixels, and as two
 * numbers before its prefix.
 */
import { AppError } from '../../shared/errors.ts';
import type { Pixels, Preprocess } from './model.ts';
import { roundHalfEven, valueTable } from './preprocess.ts';

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

/**
 * The size at which a photo is a grid of cells, its sides rounded to whole ones and its pixels within the bounds. As
 * `smart_resize` of transformers' Qwen2VLImageProcessor.
 */
export function patchPlan({ width, height }: Size, patches: Preprocess): { size: Size; grid: Grid } {
  const { width: side, minPixels = 1, maxPixels = Infinity } = patches;
  const sized = (round: (x: number) => number, scale: number): Grid => ({
    rows: Math.max(1, round((height * scale) / side)),
    columns: Math.max(1, round((width * scale) / side)),
  });
  const cells = (x: number): number => roundHalfEven(x / side);
  const pixels = cells(width) * cells(height) * side * side;
  const scaleTo = (bound: number): number => Math.sqrt(bound / (width * height));
  let grid = sized(roundHalfEven, 1);
  if (pixels > maxPixels) grid = sized(Math.floor, scaleTo(maxPixels));
  else if (pixels < minPixels) grid = sized(Math.ceil, scaleTo(minPixels));
  return { size: { width: grid.columns * side, height: grid.rows * side }, grid };
}

/** A picture's bytes with its grid after them. */
export function packPatches(picture: Uint8Array, grid: Grid): Pixels {
  const packed = new Uint8Array(picture.length + gridBytes);
  packed.set(picture);
  return signed(packed, grid);
}

/** A photo of the size that `preprocess` names, which is one cell for a model that sees a grid. */
export function oneCell(pixels: Uint8Array, { fit }: Preprocess): Pixels {
  if (fit === 'tiles') return packPatches(pixels, { rows: 0, columns: 0 });
  return fit === 'patches' ? packPatches(pixels, { rows: 1, columns: 1 }) : pixels;
}

/**
 * A picture as [patches, 3 * frames * patch * patch]: cell by cell, the patches of a cell together, and each patch
 * channel by channel, as Qwen2-VL's vision model takes them.
 */
export function patchTensor(picture: Pixels, { rows, columns }: Grid, preprocess: Preprocess): Float32Array {
  const { width: side, patch = side, frames = 1 } = preprocess;
  const across = side / patch;
  const tables = [0, 1, 2].map((channel) => valueTable(preprocess, channel));
  const tensor = new Float32Array(picture.length * frames);
  let at = 0;
  for (let n = 0; n < rows * columns * across * across; n++) {
    const [cell, within] = [Math.floor(n / (across * across)), n % (across * across)];
    const top = Math.floor(cell / columns) * side + Math.floor(within / across) * patch;
    const left = (cell % columns) * side + (within % across) * patch;
    for (const [channel, table] of tables.entries()) {
      const start = at;
      for (let y = top; y < top + patch; y++)
        for (let x = left; x < left + patch; x++)
          tensor[at++] = table[picture[3 * (y * columns * side + x) + channel] ?? 0] ?? 0;
      for (let frame = 1; frame < frames; frame++, at += patch * patch)
        tensor.copyWithin(at, start, start + patch * patch);
    }
  }
  return tensor;
}

/**
 * Positions in time, height and width (M-RoPE): words count on in all three, a photo's cells stand at their row and
 * column, and the next word comes after the longer side. `shift` is by how much later positions are behind the count.
 */
export function gridPositions(
  words: number,
  photo?: { at: number; grid: Grid },
): { axes: number[][]; shift: number } {
  const [at, { rows, columns }] = [photo?.at ?? words, photo?.grid ?? { rows: 0, columns: 0 }];
  const after = at + Math.max(rows, columns);
  const axis = (place: (cell: number) => number): number[] => [
    ...Array.from({ length: at }, (_, word) => word),
    ...Array.from({ length: rows * columns }, (_, cell) => at + place(cell)),
    ...Array.from({ length: words - at }, (_, word) => after + word),
  ];
  const axes = [axis(() => 0), axis((cell) => Math.floor(cell / columns)), axis((cell) => cell % columns)];
  return { axes, shift: after - at - rows * columns };
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
