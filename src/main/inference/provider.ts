/** The timed proof that a provider computes what the CPU computes: for choosing one, and for the doctor page. */
import { AppError, reasonOf } from '../../shared/errors.ts';
import { dot, normalise } from '../lib/vectors.ts';
import { oneCell } from './grid.ts';
import type { Model, Pixels } from './model.ts';
import { loadModel } from './registry.ts';
import { seededRandom } from './sampling.ts';

export interface Probe {
  name: string;
  /** Null where the provider could not run; `reason` then says why. */
  imagesPerSecond: number | null;
  /** The lowest cosine of its results with the CPU's, over the batch. */
  cosine: number | null;
  reason: string | null;
}

/** A provider whose results differ more than this from the CPU's is wrong, however fast. */
export const leastCosine = 0.999;

const batchSize = 8;

/** Runs the same batch on `provider` and on the CPU. A failure is an answer here: this never throws. */
export async function probe(dir: string, provider: string, threads: number): Promise<Probe> {
  try {
    const expected = await measure(dir, 'cpu', threads);
    const found = provider === 'cpu' ? expected : await measure(dir, provider, threads);
    const cosines = found.vectors.map((vector, row) =>
      dot(vector, expected.vectors[row] ?? new Float32Array()),
    );
    const cosine = Math.min(...cosines);
    const reason =
      cosine >= leastCosine ? null : `Its results differ from the CPU's (cosine ${cosine.toFixed(4)}).`;
    return { name: provider, imagesPerSecond: found.imagesPerSecond, cosine, reason };
  } catch (error) {
    return { name: provider, imagesPerSecond: null, cosine: null, reason: reasonOf(error) };
  }
}

async function measure(
  dir: string,
  provider: string,
  threads: number,
): Promise<{ vectors: Float32Array[]; imagesPerSecond: number }> {
  const model = await loadModel(dir, ['vision'], { provider, threads });
  try {
    const photos = noise(model);
    // The first run compiles shaders and allocates; it is not what indexing will see.
    await look(model, photos);
    const start = performance.now();
    const vectors = await look(model, photos);
    return { vectors, imagesPerSecond: (1000 * photos.length) / (performance.now() - start) };
  } finally {
    await model.close();
  }
}

async function look(model: Model, photos: readonly Pixels[]): Promise<Float32Array[]> {
  if (!model.see) throw new AppError('model', `The model "${model.manifest.name}" does not see photos.`);
  const seen = await model.see(photos);
  return seen.map(({ embedding, prefix }) => embedding ?? normalise(prefix ?? new Float32Array()));
}

/** The same blocks of random colour every time: enough structure for every layer to answer. */
function noise({ manifest }: Model): Pixels[] {
  const { width, height } = manifest.preprocess;
  const random = seededRandom(7);
  const coarse = Array.from({ length: batchSize * 64 * 3 }, () => Math.floor(random() * 256));
  const at = (photo: number, i: number): number => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const block = Math.floor((8 * y) / height) * 8 + Math.floor((8 * x) / width);
    return coarse[(photo * 64 + block) * 3 + (i % 3)] ?? 0;
  };
  return Array.from({ length: batchSize }, (_, photo) =>
    oneCell(
      Uint8Array.from({ length: width * height * 3 }, (__, i) => at(photo, i)),
      manifest.preprocess,
    ),
  );
}
