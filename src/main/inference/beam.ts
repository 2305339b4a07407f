/** Beam search as `transformers` does it. */
import { throwIfAborted } from '../../shared/errors.ts';
import { leavable, pick, type Decoder, type Decoding, type Sequence } from './generate.ts';
import { applyRules, logSoftmax } from './sampling.ts';

export interface BeamDecoding extends Decoding {
  beams: number;
  /** Finished texts compare by score / length ** lengthPenalty: above 0 favours longer ones. */
  lengthPenalty: number;
  /**
   * When as many texts have ended as there are beams: true stops (by default); false goes on while the best text
   * being written would come before the last of them if it ended now, 'never' if it grew to the full length.
   */
  earlyStopping?: boolean | 'never';
}

/** A text being written: the sum of its tokens' log probabilities after the rules, and where it came from. */
interface Beam {
  parent: number;
  tokens: number[];
  logProbs: number[];
  score: number;
  ended?: Sequence['ended'];
}

/** The best text for a decoder of one row. Throws AppError('aborted') when the caller aborts, at once. */
export async function beamSearch<Cache>(given: Decoder<Cache>, decoding: BeamDecoding): Promise<Sequence> {
  const decoder = leavable(given, decoding.signal);
  let { logits, cache } = await decoder.start();
  let running: Beam[] = [{ parent: 0, tokens: [], logProbs: [], score: 0 }];
  let finished: Beam[] = [];
  try {
    for (;;) {
      throwIfAborted(decoding.signal);
      const candidates = expand(running, logits, decoding);
      finished = collect(finished, candidates, decoding);
      running = candidates.filter((beam) => !beam.ended).slice(0, decoding.beams);
      if (isOver(running, finished, decoding)) break;
      const parents = running.map((beam) => beam.parent);
      cache = await pick(decoder, cache, parents, logits.length);
      const ids = running.map((beam) => beam.tokens.at(-1) ?? 0);
      ({ logits, cache } = await decoder.next(ids, cache));
    }
  } finally {
    decoder.free(cache);
  }
  const best = finished[0] ?? running[0];
  return toSequence(best, decoding);
}

/**
 * The best continuations of all beams together, likeliest first. There are enough of them that, even when
 * every stop id is among the likeliest of every beam, as many as there are beams go on.
 */
function expand(running: readonly Beam[], logits: readonly Float32Array[], decoding: BeamDecoding): Beam[] {
  const wanted = Math.max(2, 1 + decoding.stopIds.length) * decoding.beams;
  const best: { parent: number; id: number; score: number }[] = [];
  const plain = running.map((_, parent) => logSoftmax(logits[parent] ?? new Float32Array()));
  running.forEach((beam, parent) => {
    const scores = (plain[parent] ?? new Float32Array()).slice();
    applyRules(scores, decoding, [...(decoding.prompt ?? []), ...beam.tokens], beam.tokens.length);
    scores.forEach((logProb, id) => insert(best, { parent, id, score: beam.score + logProb }, wanted));
  });
  return best.map(({ parent, id, score }) => {
    const { tokens = [], logProbs = [] } = running[parent] ?? {};
    const grown = [...tokens, id];
    const logProb = plain[parent]?.[id] ?? -Infinity;
    const ended = endOf(grown, decoding);
    return { parent, tokens: grown, logProbs: [...logProbs, logProb], score, ...(ended && { ended }) };
  });
}

/** Keeps `best` sorted, highest first and at most `limit` long; what is forbidden (-Infinity) stays out. */
function insert<T extends { score: number }>(best: T[], candidate: T, limit: number): void {
  const lowest = best.length < limit ? -Infinity : (best.at(-1)?.score ?? -Infinity);
  if (!(candidate.score > lowest)) return;
  const place = best.findIndex((other) => candidate.score > other.score);
  best.splice(place < 0 ? best.length : place, 0, candidate);
  if (best.length > limit) best.pop();
}

/** Whether nothing that is being written can still matter. */
function isOver(running: readonly Beam[], finished: readonly Beam[], decoding: BeamDecoding): boolean {
  const { beams, earlyStopping = true, lengthPenalty, maxNewTokens } = decoding;
  const [best] = running;
  const last = finished[beams - 1];
  if (!best || !last) return !best;
  if (earlyStopping === true) return true;
  const length = earlyStopping === 'never' && lengthPenalty > 0 ? maxNewTokens : best.tokens.length;
  return best.score / length ** lengthPenalty <= valueOf(last, decoding);
}

/** What ended texts compare by. */
function valueOf({ score, tokens }: Beam, { lengthPenalty }: BeamDecoding): number {
  return score / tokens.length ** lengthPenalty;
}

function endOf(tokens: number[], decoding: BeamDecoding): Sequence['ended'] | undefined {
  if (decoding.stopIds.includes(tokens.at(-1) ?? -1)) return 'stop-id';
  if (decoding.watch?.(0, tokens)) return 'watch';
  return tokens.length >= decoding.maxNewTokens ? 'length' : undefined;
}

/** Adds those of the likeliest candidates that have ended; only as many as there are beams count. */
function collect(finished: readonly Beam[], candidates: readonly Beam[], decoding: BeamDecoding): Beam[] {
  const ended = candidates.slice(0, decoding.beams).filter((beam) => beam.ended);
  // The sort is stable: of equals, the one that was found first stays ahead.
  return [...finished, ...ended]
    .sort((a, b) => valueOf(b, decoding) - valueOf(a, decoding))
    .slice(0, decoding.beams);
}

function toSequence(beam: Beam | undefined, { stopIds }: BeamDecoding): Sequence {
  const { tokens = [], logProbs = [], ended = 'length' } = beam ?? {};
  const end = tokens.at(-1);
  const hasStop = end !== undefined && stopIds.includes(end);
  return { tokens: hasStop ? tokens.slice(0, -1) : tokens, logProbs, ended };
}
