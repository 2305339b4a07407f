/** What the index lane hands on of a photo's vision pass. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createIndexLane } from '../../src/main/compute/index-lane.ts';
import type { SeenPhoto } from '../../src/main/compute/messages.ts';
import type { Model } from '../../src/main/inference/model.ts';
import { readManifest } from '../../src/main/inference/registry.ts';
import { root, tinyDir } from './inference-helpers.ts';

/** A sample as the lane gives it, for a model whose prefix has so many numbers. */
async function seen(numbers: number): Promise<SeenPhoto | undefined> {
  const model: Model = {
    manifest: await readManifest(tinyDir),
    version: 'one@1',
    provider: 'cpu',
    see: (batch) =>
      Promise.resolve(
        batch.map(() => ({ embedding: Float32Array.of(1, 0), prefix: new Float32Array(numbers) })),
      ),
    close: () => Promise.resolve(),
  };
  const path = join(root, 'samples/sample-01.jpg');
  const file = { id: 7, path: Buffer.from(path), name: 'sample-01.jpg', knownPixels: null };
  const lane = createIndexLane(() => Promise.resolve(model));
  for await (const event of lane.process({ files: [file], model: true }))
    if (event.kind === 'photos') return event.photos[0];
  return undefined;
}

it('keeps a prefix for the caption that follows, unless it would fill the disk', async () => {
  const small = await seen(1000);
  expect(small?.vector).toHaveLength(4);
  expect(small?.prefix).toHaveLength(2000);
  const large = await seen(577 * 768);
  expect(large?.vector).toHaveLength(4);
  expect(large?.prefix).toBeNull();
});
