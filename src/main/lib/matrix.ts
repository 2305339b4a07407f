/** Embeddings in memory: one int8 row a photo for an exact scan, and float16 rows to rank the best again. */
import { exactSearch, MetricKind } from 'usearch';
import { quantise } from './vectors.ts';

/** Best rows of the int8 scan whose order float16 decides. */
const reranked = 1000;

export interface Near {
  id: number;
  similarity: number;
}

export class VectorMatrix {
  readonly #dimension: number;
  readonly #rowOf = new Map<number, number>();
  #ids: number[] = [];
  #coarse: Int8Array;
  #fine: Float16Array;

  constructor(dimension: number) {
    this.#dimension = dimension;
    this.#coarse = new Int8Array(dimension * 64);
    this.#fine = new Float16Array(dimension * 64);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Adds or replaces the row of `id`; `half` holds its unit vector as float16 bytes. Rows of another length are left out. */
  set(id: number, half: Uint8Array): void {
    if (half.length !== 2 * this.#dimension) return;
    const row = this.#rowOf.get(id) ?? this.#append(id);
    const fine = new Float16Array(new Uint8Array(half).buffer);
    this.#fine.set(fine, row * this.#dimension);
    this.#coarse.set(quantise(Float32Array.from(fine)), row * this.#dimension);
  }

  #append(id: number): number {
    const row = this.#ids.push(id) - 1;
    this.#rowOf.set(id, row);
    if (this.#ids.length * this.#dimension > this.#coarse.length) this.#grow();
    return row;
  }

  #grow(): void {
    const coarse = new Int8Array(this.#coarse.length * 2);
    const fine = new Float16Array(this.#fine.length * 2);
    coarse.set(this.#coarse);
    fine.set(this.#fine);
    this.#coarse = coarse;
    this.#fine = fine;
  }

  /** The `count` rows most similar to the unit vector `query`, best first, equal ones by id. */
  nearest(query: Float32Array, count: number): Near[] {
    const rows = this.#scan(query, Math.min(this.size, Math.max(count, reranked)));
    const near = rows.map((row) => ({ id: this.#ids[row] ?? 0, similarity: this.#similarity(query, row) }));
    return near.sort((a, b) => b.similarity - a.similarity || a.id - b.id).slice(0, count);
  }

  #scan(query: Float32Array, count: number): number[] {
    if (count === 0) return [];
    if (count === this.size) return Array.from({ length: count }, (_, row) => row);
    const rows = this.#coarse.subarray(0, this.size * this.#dimension);
    const { keys } = exactSearch(rows, quantise(query), this.#dimension, count, MetricKind.IP);
    return Array.from(keys.subarray(0, count), Number);
  }

  #similarity(query: Float32Array, row: number): number {
    const start = row * this.#dimension;
    let sum = 0;
    for (let i = 0; i < this.#dimension; i++) sum += (query[i] ?? 0) * (this.#fine[start + i] ?? 0);
    return sum;
  }
}
