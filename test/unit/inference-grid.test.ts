/** Photos in a grid: how they are cut, and the grid that travels with them. Its numbers are those of transformers. */
import { describe, expect, it } from 'vitest';
import {
  gridOf,
  gridPositions,
  oneCell,
  packTiles,
  patchPlan,
  readGrid,
  tilePlan,
  withGrid,
} from '../../src/main/inference/grid.ts';
import type { Preprocess } from '../../src/main/inference/model.ts';

/** SmolVLM's, and the same without splitting. */
const smol: Preprocess = {
  version: 1,
  width: 512,
  height: 512,
  fit: 'tiles',
  longest: 2048,
  resample: 'lanczos',
  mean: [127.5, 127.5, 127.5],
  std: [127.5, 127.5, 127.5],
};

describe('tilePlan', () => {
  // Idefics3ImageProcessor().get_number_of_image_patches of transformers 5.23, and its sizes on the way.
  it.each([
    { photo: [4000, 3000], inside: [2048, 1536], grid: [3, 4] },
    { photo: [3000, 4000], inside: [1536, 2048], grid: [4, 3] },
    { photo: [500, 375], inside: [2048, 1536], grid: [3, 4] },
    { photo: [375, 500], inside: [1536, 2048], grid: [4, 3] },
    { photo: [1000, 333], inside: [2048, 682], grid: [2, 4] },
    { photo: [30, 9000], inside: [6, 2048], grid: [4, 1] },
    { photo: [1, 1], inside: [2048, 2048], grid: [4, 4] },
  ])('cuts $photo', ({ photo: [width = 0, height = 0], inside, grid }) => {
    const { sizes, grid: found } = tilePlan({ width, height }, smol);
    expect([sizes[0]?.width, sizes[0]?.height]).toEqual(inside);
    expect([found.rows, found.columns]).toEqual(grid);
    expect(sizes[1]).toEqual({ width: 512 * found.columns, height: 512 * found.rows });
  });

  it('has one tile and no rows where the whole fits into it', () => {
    const { sizes, grid } = tilePlan({ width: 400, height: 300 }, { ...smol, longest: 512 });
    expect(grid).toEqual({ rows: 0, columns: 0 });
    expect(sizes[1]).toEqual({ width: 512, height: 512 });
  });
});

describe('patchPlan', () => {
  const qwen: Preprocess = {
    ...smol,
    width: 28,
    height: 28,
    fit: 'patches',
    minPixels: 3136,
    maxPixels: 1003520,
  };

  // smart_resize of transformers 5.23
  it.each([
    { photo: [720, 540], size: [728, 532] },
    { photo: [4000, 3000], size: [1148, 840] },
    { photo: [3000, 4000], size: [840, 1148] },
    { photo: [30, 24], size: [84, 56] },
    { photo: [70, 98], size: [56, 112] },
    { photo: [14, 2700], size: [28, 784] },
    { photo: [5600, 29], size: [5600, 28] },
  ])('rounds $photo', ({ photo: [width = 0, height = 0], size }) => {
    const found = patchPlan({ width, height }, qwen);
    expect([found.size.width, found.size.height]).toEqual(size);
    expect([found.grid.columns * 28, found.grid.rows * 28]).toEqual(size);
  });
});

describe('gridPositions', () => {
  it('counts words on in all axes, and a photo by rows and columns', () => {
    expect(gridPositions(3)).toEqual({
      axes: [
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
      ],
      shift: 0,
    });
    const { axes, shift } = gridPositions(3, { at: 1, grid: { rows: 2, columns: 3 } });
    expect(axes).toEqual([
      [0, 1, 1, 1, 1, 1, 1, 4, 5],
      [0, 1, 1, 1, 2, 2, 2, 4, 5],
      [0, 1, 2, 3, 1, 2, 3, 4, 5],
    ]);
    expect(9 + shift).toBe(6);
  });
});

describe('a photo of one cell', () => {
  it('has the bytes that its fit asks for', () => {
    const cell = Uint8Array.of(1, 2, 3);
    expect(oneCell(cell, { ...smol, fit: 'cover' })).toBe(cell);
    expect(gridOf(oneCell(cell, smol))).toEqual({ grid: { rows: 0, columns: 0 }, cells: cell });
    const patch = gridOf(oneCell(cell, { ...smol, fit: 'patches' }));
    expect(patch).toEqual({ grid: { rows: 1, columns: 1 }, cells: cell });
  });
});

describe('the grid', () => {
  it('travels after the pixels and before the prefix', () => {
    const data = Uint8Array.from({ length: 2 * 4 * 3 }, (_, i) => i);
    const whole = new Uint8Array(2 * 2 * 3).fill(99);
    const { grid, cells } = gridOf(packTiles({ width: 4, height: 2, data }, whole, { rows: 1, columns: 2 }));
    expect(grid).toEqual({ rows: 1, columns: 2 });
    expect([...cells.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]);
    expect([...cells.subarray(12)]).toEqual([6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23, ...whole]);
    const prefix = withGrid(grid, [Float32Array.of(1, 2), Float32Array.of(3, 4)]);
    expect(readGrid(prefix)).toEqual({ grid, values: Float32Array.of(1, 2, 3, 4) });
  });
});
