/** Geometry and numbers of preprocessing, and arithmetic on embeddings. */
import { describe, expect, it } from 'vitest';
import type { Preprocess } from '../../src/main/inference/model.ts';
import { resizePlan, toTensor } from '../../src/main/inference/preprocess.ts';
import { dot, fromHalf, normalise, quantise, toHalf } from '../../src/main/lib/vectors.ts';

const square: Preprocess = {
  version: 1,
  width: 224,
  height: 224,
  fit: 'cover',
  resample: 'bicubic',
  mean: [127, 126.5, 100],
  std: [128, 64, 50],
};

describe('the resize plan', () => {
  it('squashes for fill', () => {
    expect(resizePlan(4000, 3000, { ...square, fit: 'fill' })).toEqual({
      width: 224,
      height: 224,
    });
  });

  // Sizes and corners as torchvision's Resize(224) and CenterCrop(224) give them.
  it.each([
    [500, 375, 298, 224, 37, 0],
    [375, 500, 224, 298, 0, 37],
    [500, 333, 336, 224, 56, 0],
    [333, 500, 224, 336, 0, 56],
    [299, 224, 299, 224, 38, 0],
    [297, 224, 297, 224, 36, 0],
    [224, 224, 224, 224, 0, 0],
    [1, 1000, 224, 224_000, 0, 111_888],
    [3264, 2448, 298, 224, 37, 0],
  ])('covers from %i x %i', (width, height, resizedWidth, resizedHeight, left, top) => {
    expect(resizePlan(width, height, square)).toEqual({
      width: resizedWidth,
      height: resizedHeight,
      crop: { left, top, width: 224, height: 224 },
    });
  });

  it('pads with the mean for contain', () => {
    const wide: Preprocess = { ...square, fit: 'contain', width: 336, resample: 'lanczos' };
    expect(resizePlan(300, 100, wide)).toEqual({
      width: 336,
      height: 112,
      pad: { left: 0, top: 56, right: 0, bottom: 56, colour: [127, 127, 100] },
    });
    const plan = resizePlan(1, 5000, { ...wide, resample: 'bilinear' });
    expect(plan).toMatchObject({ width: 1, height: 224, pad: { left: 167, right: 168 } });
  });

  it.each([
    [0, 10],
    [10, 0],
    [NaN, 10],
  ])('refuses %d x %d', (width, height) => {
    expect(() => resizePlan(width, height, square)).toThrow(/at least one pixel/);
  });

  it('always covers, whatever the shape', () => {
    for (let width = 1; width < 700; width += 13) {
      for (let height = 1; height < 700; height += 17) {
        const { crop, ...plan } = resizePlan(width, height, square);
        expect(crop && crop.left >= 0 && crop.left + 224 <= plan.width).toBe(true);
        expect(crop && crop.top >= 0 && crop.top + 224 <= plan.height).toBe(true);
      }
    }
  });
});

describe('the tensor', () => {
  const small: Preprocess = { ...square, width: 2, height: 1 };

  it('has planes of red, green and blue, photo after photo', () => {
    const tensor = toTensor([Uint8Array.of(0, 1, 2, 255, 254, 253), Uint8Array.of(9, 9, 9, 9, 9, 9)], small);
    const expected = [-127 / 128, 1, -125.5 / 64, 127.5 / 64, -98 / 50, 153 / 50].map(Math.fround);
    expect([...tensor.subarray(0, 6)]).toEqual(expected);
    expect(tensor).toHaveLength(12);
    expect(tensor[6]).toBe(tensor[7]);
  });

  it('refuses a photo of another size', () => {
    expect(() => toTensor([new Uint8Array(5)], small)).toThrow(/5 bytes instead of 2 x 1 x 3/);
  });
});

describe('vectors', () => {
  const vector = Float32Array.from([3, 0, -4]);

  it('become unit length', () => {
    expect([...normalise(vector)]).toEqual([0.6, 0, -0.8].map(Math.fround));
    expect([...normalise(new Float32Array(2))]).toEqual([0, 0]);
    expect([...vector]).toEqual([3, 0, -4]);
  });

  it('multiply only with equals', () => {
    expect(dot(vector, vector)).toBe(25);
    expect(() => dot(vector, new Float32Array(2))).toThrow(RangeError);
  });

  it('survive float16 bytes, from any address', () => {
    const bytes = toHalf(normalise(vector));
    expect(bytes).toHaveLength(6);
    const shifted = Buffer.concat([Buffer.of(7), bytes]).subarray(1);
    expect(dot(fromHalf(shifted), normalise(vector))).toBeCloseTo(1, 3);
    expect(() => fromHalf(new Uint8Array(3))).toThrow(/even/);
  });

  it('become signed bytes', () => {
    expect([...quantise(Float32Array.from([1, -1, 0.5, 0, 1.01]))]).toEqual([127, -127, 64, 0, 127]);
  });
});
