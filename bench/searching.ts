/** Time to find the best 1,000 of 100,000 embeddings: our int8 scan with float16 re-ranking beside plain float32. */
import { VectorMatrix } from '../src/main/lib/matrix.ts';
import { dot, normalise, toHalf } from '../src/main/lib/vectors.ts';

const rows = 100_000;
const dimension = 768;
const queries = 20;
const wanted = 100;

export function benchSearch(): Promise<void> {
  const vectors = Array.from({ length: rows }, (_, seed) => randomUnit(seed + 1));
  const matrix = new VectorMatrix(dimension);
  vectors.forEach((vector, id) => matrix.set(id, toHalf(vector)));
  const questions = Array.from({ length: queries }, (_, seed) => randomUnit(-seed - 1));
  const ours = measure(questions, (query) => matrix.nearest(query, wanted).map(({ id }) => id));
  const plain = measure(questions, (query) => scanPlain(vectors, query));
  const found = ours.answers.map(
    (ids, i) => ids.filter((id) => plain.answers[i]?.includes(id)).length / wanted,
  );
  console.log(`\n${rows.toLocaleString('en')} x ${dimension}, best ${wanted}, ${queries} queries`);
  console.table({
    'int8 scan, float16 re-ranking': {
      'median ms': ours.median.toFixed(1),
      'slowest ms': ours.slowest.toFixed(1),
    },
    'plain JavaScript, float32': {
      'median ms': plain.median.toFixed(1),
      'slowest ms': plain.slowest.toFixed(1),
    },
  });
  console.log(`overlap with the exact answer: ${(found.reduce((a, b) => a + b) / queries).toFixed(4)}`);
  return Promise.resolve();
}

/** Deterministic numbers: a sine of the place, no worse than a generator for timing. */
function randomUnit(seed: number): Float32Array {
  return normalise(
    Float32Array.from({ length: dimension }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233 + seed * i)),
  );
}

function scanPlain(vectors: Float32Array[], query: Float32Array): number[] {
  const scored = vectors.map((vector, id) => ({ id, similarity: dot(query, vector) }));
  return scored
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, wanted)
    .map(({ id }) => id);
}

function measure(
  questions: Float32Array[],
  find: (query: Float32Array) => number[],
): { answers: number[][]; median: number; slowest: number } {
  const times: number[] = [];
  const answers = questions.map((query) => {
    const start = performance.now();
    const ids = find(query);
    times.push(performance.now() - start);
    return ids;
  });
  times.sort((a, b) => a - b);
  return { answers, median: times[Math.floor(times.length / 2)] ?? 0, slowest: times.at(-1) ?? 0 };
}
