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
    // First, so that one that is not there costs no pass on the CPU.
    const found = await measure(dir, provider, threads);
    const expected = provider === 'cpu' ? found : await measure(dir, 'cpu', threads);
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
export function noise({ manifest }: Pick<Model, 'manifest'>): Pixels[] {
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

/**
 * The same model, but `onFault` is called before anything is given on that is not a number: a GPU that fails quietly
 * gives NaN. What it is given on then does not matter, as the process ends.
 */
export function guarded(model: Model, onFault: () => void): Model {
  const checked = <T>(value: T, numbers: (value: T) => readonly (ArrayLike<number> | number)[]): T => {
    if (!numbers(value).every(isFinite)) onFault();
    return value;
  };
  const see = model.see?.bind(model);
  const embedText = model.embedText?.bind(model);
  const generate = model.generate?.bind(model);
  const generateBatch = model.generateBatch?.bind(model);
  const score = model.score?.bind(model);
  const copy: Model = { ...model };
  if (see)
    copy.see = async (batch) =>
      checked(await see(batch), (all) =>
        all.flatMap(({ embedding, prefix }) => [embedding ?? [], prefix ?? []]),
      );
  if (embedText) copy.embedText = async (texts) => checked(await embedText(texts), (all) => all);
  if (generate)
    copy.generate = async (...args) => checked(await generate(...args), ({ confidence }) => [confidence]);
  if (generateBatch)
    copy.generateBatch = async (...args) =>
      checked(await generateBatch(...args), (all) => all.map(({ confidence }) => confidence));
  if (score)
    copy.score = async (...args) =>
      checked(await score(...args), (all) => all.map(({ logProbability }) => logProbability));
  return copy;
}

/** Of an embedding every number is looked at; minus infinity is the logarithm of what is impossible. */
function isFinite(numbers: ArrayLike<number> | number): boolean {
  if (typeof numbers === 'number') return !Number.isNaN(numbers);
  for (let at = 0; at < numbers.length; at++) if (!Number.isFinite(numbers[at])) return false;
  return true;
}
