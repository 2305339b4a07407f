import { describe, expect, it } from 'vitest';
import { VectorMatrix } from '../../src/main/lib/matrix.ts';
import { dot, fromHalf, normalise, quantise, toHalf } from '../../src/main/lib/vectors.ts';

/** A fixed generator, so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

function unit(dimension: number, random: () => number): Float32Array {
  return normalise(Float32Array.from({ length: dimension }, random));
}

/** A matrix of random vectors whose ids count from 1, and the vectors as it keeps them. */
function filled(
  size: number,
  dimension: number,
  random: () => number,
): { matrix: VectorMatrix; vectors: Float32Array[] } {
  const matrix = new VectorMatrix(dimension);
  const vectors = Array.from({ length: size }, () => unit(dimension, random));
  vectors.forEach((vector, i) => matrix.set(i + 1, toHalf(vector)));
  return { matrix, vectors: vectors.map((vector) => fromHalf(toHalf(vector))) };
}

/** Brute force: all vectors by their similarity. */
function ranked(query: Float32Array, vectors: Float32Array[]): { id: number; similarity: number }[] {
  return vectors
    .map((vector, i) => ({ id: i + 1, similarity: dot(query, vector) }))
    .sort((a, b) => b.similarity - a.similarity || a.id - b.id);
}

describe('VectorMatrix', () => {
  it('finds what a plain comparison with every vector finds, in the same order', () => {
    const random = generator(7);
    const dimension = 64;
    const matrix = new VectorMatrix(dimension);
    const vectors = Array.from({ length: 3000 }, () => unit(dimension, random));
    vectors.forEach((vector, i) => matrix.set(i + 1, toHalf(vector)));
    expect(matrix.size).toBe(3000);
    for (let q = 0; q < 10; q++) {
      const query = unit(dimension, random);
      const plain = vectors
        .map((vector, i) => ({ id: i + 1, similarity: dot(query, fromHalf(toHalf(vector))) }))
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, 20);
      const near = matrix.nearest(query, 20);
      expect(near.map((entry) => entry.id)).toEqual(plain.map((entry) => entry.id));
      near.forEach((entry, i) => expect(entry.similarity).toBeCloseTo(plain[i]?.similarity ?? 0, 5));
    }
  });

  describe.each([
    ['1 %', (id: number) => id % 100 === 0],
    ['10 %', (id: number) => id % 10 === 3],
    ['90 %', (id: number) => id % 10 !== 3],
    ['all', () => true],
    ['none', () => false],
  ])('with a filter that lets %s through', (_, allows) => {
    it('finds what a plain comparison with the allowed vectors finds', () => {
      const random = generator(11);
      const { matrix, vectors } = filled(6000, 32, random);
      for (let q = 0; q < 3; q++) {
        const query = unit(32, random);
        const plain = ranked(query, vectors).filter(({ id }) => allows(id));
        const near = matrix.nearest(query, 100, allows);
        expect(near.map((entry) => entry.id)).toEqual(plain.slice(0, 100).map((entry) => entry.id));
      }
    });
  });

  it.each([0.1, 0.5, 0.9])('finds the allowed %s of the rows though all others are nearer', (share) => {
    const random = generator(5);
    const { matrix, vectors } = filled(6000, 32, random);
    const query = unit(32, random);
    const order = ranked(query, vectors);
    const far = order.slice(Math.round(order.length * (1 - share)));
    const allowed = new Set(far.map((entry) => entry.id));
    const near = matrix.nearest(query, 300, (id) => allowed.has(id));
    expect(near.map((entry) => entry.id)).toEqual(far.slice(0, 300).map((entry) => entry.id));
  });

  it('knows the vector of a photo, its similarity, and what photos score in general', () => {
    const random = generator(9);
    const { matrix, vectors } = filled(5000, 64, random);
    const query = vectors[41] ?? new Float32Array();
    expect(matrix.vector(42)).toEqual(query);
    expect(matrix.similarity(query, 42)).toBeCloseTo(1, 3);
    expect([matrix.vector(5001), matrix.similarity(query, 5001)]).toEqual([undefined, undefined]);
    const { mean, std } = matrix.background(query);
    expect(Math.abs(mean)).toBeLessThan(0.01); // random directions: mean 0, deviation 1 / sqrt(64)
    expect(std).toBeCloseTo(0.125, 2);
  });

  it('replaces the row of a photo that is set again', () => {
    const matrix = new VectorMatrix(2);
    matrix.set(1, toHalf(Float32Array.of(1, 0)));
    matrix.set(2, toHalf(Float32Array.of(0, 1)));
    matrix.set(1, toHalf(Float32Array.of(-1, 0)));
    expect(matrix.size).toBe(2);
    expect(matrix.nearest(Float32Array.of(1, 0), 2).map((entry) => entry.id)).toEqual([2, 1]);
  });

  it('leaves out vectors of another length, and is empty before the first', () => {
    const matrix = new VectorMatrix(4);
    matrix.set(1, toHalf(Float32Array.of(1, 0)));
    expect([matrix.size, matrix.nearest(Float32Array.of(1, 0, 0, 0), 5)]).toEqual([0, []]);
  });
});

describe('vectors', () => {
  it('keeps a vector of zeros as it is', () => {
    expect(normalise(new Float32Array(3))).toEqual(new Float32Array(3));
  });

  it('rounds to float16 and back within its precision, also at an odd address', () => {
    const vector = unit(33, generator(3));
    const bytes = new Uint8Array(67);
    bytes.set(toHalf(vector), 1);
    const back = fromHalf(bytes.subarray(1));
    vector.forEach((x, i) => expect(Math.abs((back[i] ?? 0) - x)).toBeLessThan(5e-4));
    expect(() => fromHalf(new Uint8Array(3))).toThrow(RangeError);
  });

  it('quantises to steps of 1/127 without overflow', () => {
    expect(quantise(Float32Array.of(1, -1, 0.5, 2))).toEqual(Int8Array.of(127, -127, 64, 127));
    expect(() => dot(new Float32Array(2), new Float32Array(3))).toThrow(RangeError);
  });
});
