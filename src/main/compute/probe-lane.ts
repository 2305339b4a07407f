/** The probe lane: runs the vision model on one provider, checks it against the CPU and times it. */
import type { Manifest, Model } from '../inference/model.ts';
import { loadModel } from '../inference/registry.ts';
import { providers } from '../inference/session.ts';
import { dot } from '../lib/vectors.ts';
import type { LaneConfig, ProbeLane } from './messages.ts';

const batch = 8;
const timedMs = 1500;

export function createProbeLane(config: LaneConfig): ProbeLane {
  const open = (provider: string): Promise<Model> =>
    loadModel(config.modelDir ?? '', ['vision'], { provider, threads: config.threads });
  return {
    providers: () => providers(),
    async probe({ provider }) {
      const model = await open(provider);
      const cpu = provider === 'cpu' ? model : await open('cpu');
      const pixels = Array.from({ length: batch }, (_, i) => noise(model.manifest, i + 1));
      const seen = await model.see?.(pixels); // also warms up
      const expected = await cpu.see?.(pixels);
      const cosines = pixels.map((_, i) =>
        dot(seen?.[i]?.embedding ?? zero, expected?.[i]?.embedding ?? zero),
      );
      return { imagesPerSecond: await time(model, pixels), cosine: Math.min(...cosines) };
    },
  };
}

const zero = new Float32Array();

async function time(model: Model, pixels: Uint8Array[]): Promise<number> {
  const start = performance.now();
  let images = 0;
  while (performance.now() - start < timedMs) {
    await model.see?.(pixels);
    images += pixels.length;
  }
  return Math.round((images / (performance.now() - start)) * 10_000) / 10;
}

/** Smooth coloured noise by a fixed linear congruential generator: the same picture in every run. */
function noise({ preprocess: { width, height } }: Manifest, seed: number): Uint8Array {
  let state = seed * 2654435761;
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    if (i % 24 === 0) state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
