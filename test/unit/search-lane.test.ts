/** The search lane over a library of known vectors: which hits are likely, with the model's measure and without. */
import { describe, expect, it } from 'vitest';
import { createSearchLane } from '../../src/main/compute/search-lane.ts';
import { readManifest } from '../../src/main/inference/manifest.ts';
import type { EmbedManifest, Model } from '../../src/main/inference/model.ts';
import { toHalf } from '../../src/main/lib/vectors.ts';
import { saveModelResults } from '../../src/main/store/results.ts';
import { tinyDir } from './inference-helpers.ts';
import { photoLibrary } from './store-helpers.ts';

const manifest = await readManifest(tinyDir);

/** Cosines with "cat": most photos score about 0.1, as in models whose unrelated pairs do, and two show one. */
const cosines = [...Array.from({ length: 38 }, (_, i) => 0.1 + 0.01 * Math.sin(7 * i)), 0.3, 0.4];

/** A lane whose texts are one of two directions, and whose photos lie at `cosines` from the first. */
function laneWith(relevance?: EmbedManifest['relevance']): ReturnType<typeof createSearchLane> {
  const { db, ids } = photoLibrary(Object.fromEntries(cosines.map((_, at) => [`photo-${at}.jpg`, {}])));
  const embed = { ...(manifest.embed as EmbedManifest), dimension: 3 };
  delete embed.relevance;
  const model: Model = {
    ...{ version: 'fake@1', provider: 'cpu', close: () => Promise.resolve() },
    manifest: { ...manifest, embed: { ...embed, ...(relevance && { relevance }) } },
    embedText: (texts) =>
      Promise.resolve(
        texts.map((text) => (text === 'cat' ? Float32Array.of(1, 0, 0) : Float32Array.of(0, 1, 0))),
      ),
  };
  ids.forEach((id, at) => {
    const x = cosines[at] ?? 0;
    // The last photo also shows what "dog" means; the others do as much as nothing.
    const y = at === cosines.length - 1 ? 0.5 : 0.01 * Math.cos(5 * at);
    const vector = toHalf(Float32Array.of(x, y, Math.sqrt(1 - x * x - y * y)));
    saveModelResults(db, id, { model: model.version, vector, prefix: null });
  });
  return createSearchLane(db, () => Promise.resolve(model));
}

async function likely(lane: ReturnType<typeof laneWith>, query: string): Promise<string[]> {
  const { hits } = await lane.search({ query, limit: 40 });
  return hits.filter((hit) => hit.likely).map(({ photo }) => photo.name);
}

describe('a likely match', () => {
  it("lies above what the model's unrelated pairs score", async () => {
    expect(await likely(laneWith({ mean: 0.1, std: 0.05 }), 'cat')).toEqual(['photo-39.jpg', 'photo-38.jpg']);
    expect(await likely(laneWith({ mean: 0.2, std: 0.05 }), 'cat')).toEqual(['photo-39.jpg']);
    expect(await likely(laneWith({ mean: 0.2, std: 0.1 }), 'cat')).toEqual([]);
  });

  it("lies above what the library's photos score, where that was not measured", async () => {
    expect(await likely(laneWith(), 'cat')).toEqual(['photo-39.jpg', 'photo-38.jpg']);
    expect(await likely(laneWith(), 'cat -dog')).toEqual(['photo-38.jpg']);
    expect(await likely(laneWith(), '-dog')).toEqual([]);
  });
});
