/** The search lane: text encoder, vector matrix and full-text index, on a read-only connection. */
import type { Filter, SearchAnswer, Why } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type { Model } from '../inference/model.ts';
import type { ReadDb } from '../store/database.ts';
import { judged } from '../store/decisions.ts';
import { photoIds } from '../store/filter.ts';
import { embeddingsAfter } from '../store/results.ts';
import { matchWords } from '../store/texts.ts';
import { fuse, matchedWords, phraseQuery, wordsQuery, type Fused, type Ranked } from '../lib/fusion.ts';
import { englishOf } from '../lib/gloss.ts';
import { VectorMatrix, type Allows } from '../lib/matrix.ts';
import { parseQuery, type ParsedQuery } from '../../shared/query.ts';
import { fromHalf, steer } from '../lib/vectors.ts';
import { pathFields } from '../lib/paths.ts';
import { photoPaths, shownPhotos, summaries } from '../store/browse.ts';
import type { Likeness, SearchLane } from './messages.ts';

const rowsAtOnce = 5000;
const textCandidates = 1000;
/** Standard deviations above what unrelated pairs score: from there on a match is likely. */
const likelyDeviations = 3;
/** From this similarity on two pictures are the same one saved twice, in a library of any kind. */
const sameSimilarity = 0.98;
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
    if (query === '') return undefined;
    const known = remembered.get(query);
    if (known) return known;
    const [vector] = (await model.embedText?.([query])) ?? [];
    if (!vector) return undefined;
    remembered.set(query, vector);
    const oldest = remembered.keys().next();
    if (remembered.size > rememberedQueries && !oldest.done) remembered.delete(oldest.value);
    return vector;
  }

  /**
   * By what photos show. What must not be there pulls the other way, and a photo that likely shows it is
   * never a likely match.
   */
  async function byLooks(query: ParsedQuery, limit: number, allows: Allows | undefined): Promise<Ranked[]> {
    const model = await loadModel();
    const rows = await catchUp(model);
    if (!model || !rows || rows.size === 0) return [];
    const wanted = await embed(model, query.text);
    const unwanted = await embed(model, query.without.join(', '));
    const direction = steer(wanted, unwanted);
    if (!direction) return [];
    const least = wanted && leastLikely(model, rows, wanted);
    const tooMuch = unwanted && leastLikely(model, rows, unwanted);
    return rows.nearest(direction, Math.max(limit, textCandidates), allows).map(({ id, similarity }) => {
      const shown = !wanted || direction === wanted ? similarity : (rows.similarity(wanted, id) ?? 0);
      const spoilt = unwanted && tooMuch !== undefined && (rows.similarity(unwanted, id) ?? 0) > tooMuch;
      return { photoId: id, why: looks(shown), likely: least !== undefined && shown > least && !spoilt };
    });
  }

  /** The query as the model can read it, where that is another text. */
  async function readable({ text, without, phrases }: ParsedQuery): Promise<ParsedQuery | undefined> {
    if ((await loadModel())?.manifest.reads !== 'en') return undefined;
    const english = await englishOf(text);
    const excluded = await Promise.all(without.map(async (word) => (await englishOf(word)) ?? word));
    return english === undefined ? undefined : { text: english, phrases, without: excluded };
  }

  function byWords(query: string, column: 'caption' | 'name' | 'chat', allows: Allows | undefined): Ranked[] {
    const expression = wordsQuery(query, column);
    if (!expression) return [];
    return matchWords(db, expression, textCandidates, allows).map((photoId) => ({
      photoId,
      why: { kind: column, detail: matchedWords(query) } satisfies Why,
      likely: true,
    }));
  }

  /** Which photos the filter and the query's operators leave; undefined for all. */
  function scope(filter: Filter | undefined, { phrases, without }: ParsedQuery): Allows | undefined {
    const having = phrases.map((phrase) => withPhrase(phrase));
    const excluded = without.map((phrase) => withPhrase(phrase));
    if (filter && Object.values(filter).some((value) => value !== undefined))
      having.push(new Set(photoIds(db, filter)));
    if (having.length + excluded.length === 0) return undefined;
    return (id) => having.every((ids) => ids.has(id)) && !excluded.some((ids) => ids.has(id));
  }

  function withPhrase(phrase: string): Set<number> {
    return new Set(matchWords(db, phraseQuery(phrase), Infinity));
  }

  function likeness(to: Likeness, rows: VectorMatrix): Float32Array {
    const vector = 'id' in to ? rows.vector(to.id) : fromHalf(to.vector);
    if (vector) return vector;
    throw new AppError(
      'not-found',
      'Iris has not looked at this photo yet. It can be compared when indexing has reached it.',
    );
  }

  /** What the page and the command line show of each hit: told here, as the engine's thread may be busy. */
  function dressed(query: string, found: readonly Fused[]): SearchAnswer {
    const ids = found.map(({ photoId }) => photoId);
    const photos = summaries(db, ids);
    const paths = photoPaths(db, ids);
    const said = judged(db, query);
    const hits = found.flatMap(({ photoId, score, why, likely }) => {
      const photo = photos.get(photoId);
      const path = paths.get(photoId);
      const good = said.get(photoId);
      const hit = { ...pathFields(path ?? Buffer.alloc(0)), score, why, likely };
      return photo && path ? [{ photo, ...hit, ...(good !== undefined && { good }) }] : [];
    });
    const searchable = matrix?.size ?? 0;
    return { query, hits, searchable, waiting: Math.max(0, shownPhotos(db) - searchable) };
  }

  return {
    async search({ query, filter, limit }) {
      const parsed = parseQuery(query);
      const allows = scope(filter, parsed);
      const glossed = await readable(parsed);
      const own = byWords(parsed.text, 'caption', allows);
      const lists = {
        looks: await byLooks(glossed ?? parsed, limit, allows),
        caption: glossed && own.length === 0 ? byWords(glossed.text, 'caption', allows) : own,
        name: byWords(parsed.text, 'name', allows),
        chat: byWords(parsed.text, 'chat', allows),
      };
      const answer = dressed(query, fuse(lists).slice(0, limit));
      return { ...answer, ...(glossed && { gloss: glossed.text }) };
    },
    async looks({ query, filter, limit }) {
      const parsed = parseQuery(query);
      const ranked = await byLooks((await readable(parsed)) ?? parsed, limit, scope(filter, parsed));
      return ranked.slice(0, limit).map(({ photoId }) => photoId);
    },
    async similar({ to, filter, limit }) {
      const rows = await catchUp(await loadModel());
      if (!rows) throw new AppError('model', 'There is no model that can compare photos.');
      const vector = likeness(to, rows);
      const allowed = scope(filter, parseQuery(''));
      const itself = 'id' in to ? to.id : undefined;
      const near = rows.nearest(vector, limit, (id) => id !== itself && (allowed?.(id) ?? true));
      const { mean, std } = rows.background(vector);
      const threshold = Math.min(mean + likelyDeviations * std, sameSimilarity);
      const hits = near.map(({ id, similarity }) => ({
        photoId: id,
        score: similarity,
        why: [looks(similarity)],
        likely: similarity > threshold,
      }));
      return dressed('', hits);
    },
    async compare({ vector, texts }) {
      const model = await loadModel();
      const embed = model?.manifest.embed;
      if (!model?.embedText || !embed)
        throw new AppError('model', 'There is no model that can compare photos.');
      if (!embed.zeroShot && !embed.relevance) return null;
      // Not before it is needed: it brings ONNX Runtime along.
      const { calibration, zeroShot } = await import('../inference/families/dual-encoder.ts');
      const found = zeroShot(embed, fromHalf(vector), await model.embedText(texts));
      return {
        cosines: found.cosines,
        probabilities: Array.from(found.probabilities),
        by: calibration(embed),
      };
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

/**
 * From which similarity on a photo likely shows what was asked for: above what unrelated pairs score, as it was
 * measured for the model, or else, as for similar photos, above what this library's photos in general score.
 */
function leastLikely(model: Model, rows: VectorMatrix, query: Float32Array): number {
  const { mean, std } = model.manifest.embed?.relevance ?? rows.background(query);
  return mean + likelyDeviations * std;
}

const looks = (similarity: number): Why => ({ kind: 'looks', detail: similarity.toFixed(3) });
