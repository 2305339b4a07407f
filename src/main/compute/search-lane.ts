/** The search lane: text encoder, vector matrix and full-text index, on a read-only connection. */
import type { Why } from '../../shared/contract.ts';
import type { Model } from '../inference/model.ts';
import type { ReadDb } from '../store/database.ts';
import { embeddingsAfter } from '../store/results.ts';
import { matchWords } from '../store/texts.ts';
import { VectorMatrix } from '../lib/matrix.ts';
import { fuse, matchedWords, wordsQuery, type Ranked } from '../lib/fusion.ts';
import type { LaneHit, SearchLane } from './messages.ts';

const rowsAtOnce = 5000;
const textCandidates = 1000;
/** Standard deviations above what unrelated pairs score: from there on a match is likely. */
const likelyDeviations = 3;
const rememberedQueries = 200;

export function createSearchLane(db: ReadDb, loadModel: () => Promise<Model | undefined>): SearchLane {
  const remembered = new Map<string, Float32Array>();
  let matrix: VectorMatrix | undefined;
  let lastSeq = 0;

  /** Takes in what was embedded since; reading on from the last sequence number costs nothing when nothing is new. */
  async function catchUp(model: Model | undefined): Promise<VectorMatrix | undefined> {
    if (!model?.manifest.embed) return undefined;
    matrix ??= new VectorMatrix(model.manifest.embed.dimension);
    for (;;) {
      const rows = embeddingsAfter(db, model.version, lastSeq, rowsAtOnce);
      for (const row of rows) matrix.set(row.photoId, row.vector);
      lastSeq = rows.at(-1)?.seq ?? lastSeq;
      if (rows.length < rowsAtOnce) return matrix;
      await new Promise(setImmediate); // a search may be waiting
    }
  }

  async function embed(model: Model, query: string): Promise<Float32Array | undefined> {
    const known = remembered.get(query);
    if (known) return known;
    const [vector] = (await model.embedText?.([query])) ?? [];
    if (!vector) return undefined;
    remembered.set(query, vector);
    const oldest = remembered.keys().next();
    if (remembered.size > rememberedQueries && !oldest.done) remembered.delete(oldest.value);
    return vector;
  }

  async function byLooks(query: string, limit: number): Promise<Ranked[]> {
    const model = await loadModel();
    const rows = await catchUp(model);
    if (!model || !rows || rows.size === 0) return [];
    const vector = await embed(model, query);
    const relevance = model.manifest.embed?.relevance ?? { mean: 0, std: 1 };
    return (vector ? rows.nearest(vector, Math.max(limit, textCandidates)) : []).map(
      ({ id, similarity }) => ({
        photoId: id,
        why: { kind: 'looks', detail: similarity.toFixed(3) } satisfies Why,
        likely: similarity > relevance.mean + likelyDeviations * relevance.std,
      }),
    );
  }

  function byWords(query: string, column: 'caption' | 'name' | 'chat'): Ranked[] {
    const expression = wordsQuery(query, column);
    if (!expression) return [];
    return matchWords(db, expression, textCandidates).map((photoId) => ({
      photoId,
      why: { kind: column, detail: matchedWords(query) } satisfies Why,
      likely: true,
    }));
  }

  return {
    async search({ query, limit }) {
      const looks = await byLooks(query, limit);
      const lists = {
        looks,
        caption: byWords(query, 'caption'),
        name: byWords(query, 'name'),
        chat: byWords(query, 'chat'),
      };
      const hits: LaneHit[] = fuse(lists).slice(0, limit);
      return { hits, searchable: matrix?.size ?? 0 };
    },
    async refresh({ rebuild }) {
      if (rebuild) {
        matrix = undefined;
        lastSeq = 0;
      }
      await catchUp(await loadModel());
      return { searchable: matrix?.size ?? 0 };
    },
  };
}
