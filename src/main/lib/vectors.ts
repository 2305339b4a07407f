/** Arithmetic on embeddings: unit length, similarity, and their two stored forms (float16, int8). */

/** Scales to length 1, in a new array. A vector of zeros stays as it is: it is similar to nothing. */
export function normalise(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((x) => x / length) : vector.slice();
}

/** Sum of products; the cosine where both are of unit length. Throws RangeError for unequal lengths. */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`dot: ${a.length} numbers against ${b.length}`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** How strongly what must not be there pulls away from it: half as strongly as what must be there pulls. */
const pull = 0.5;

/** The direction towards `wanted` and away from `unwanted`, of unit length; undefined without either. */
export function steer(wanted?: Float32Array, unwanted?: Float32Array): Float32Array | undefined {
  if (!unwanted) return wanted;
  return normalise(unwanted.map((x, i) => (wanted?.[i] ?? 0) - pull * x));
}

/** Little-endian float16 bytes, two for each number: the form embeddings are stored in. */
export function toHalf(vector: Float32Array): Uint8Array {
  return new Uint8Array(new Float16Array(vector).buffer);
}

/** The numbers of `toHalf` bytes. Copies first, as a view of other bytes may start at an odd address. */
export function fromHalf(bytes: Uint8Array): Float32Array {
  if (bytes.length % 2 !== 0)
    throw new RangeError(`float16 needs an even number of bytes, not ${bytes.length}`);
  return Float32Array.from(new Float16Array(new Uint8Array(bytes).buffer));
}

/** A unit vector in steps of 1/127, for the exact scan; the best are ranked again in float16. */
export function quantise(unit: Float32Array): Int8Array {
  // A loop: `from` with a function takes ten times as long, and a large library has many of these.
  const steps = new Int8Array(unit.length);
  for (let i = 0; i < unit.length; i++)
    steps[i] = Math.max(-127, Math.min(127, Math.round((unit[i] ?? 0) * 127)));
  return steps;
}
