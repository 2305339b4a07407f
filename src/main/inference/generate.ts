/**
 * Text generation over any decoder: greedy or sampled for several rows at once, stopped by ids, by a
 * watcher of the text, by length or by the caller. Beam search is in beam.ts.
 */
import { AppError, throwIfAborted } from '../../shared/errors.ts';
import { applyRules, argmax, draw, logSumExp, seededRandom, type Rules, type Sampling } from './sampling.ts';

/** Scores of the next token, one array of the vocabulary's length for each row, and what was computed so far. */
export interface Step<Cache> {
  logits: Float32Array[];
  cache: Cache;
}

/** What a family provides. The cache is opaque here: whoever gets one owns it and hands it on or frees it. */
export interface Decoder<Cache> {
  /** Runs the prompt of every row. */
  start(): Promise<Step<Cache>>;
  /** Adds one token to each row; consumes the cache, also when it throws. */
  next(ids: readonly number[], cache: Cache): Promise<Step<Cache>>;
  /** A copy of the cache with these rows, which may repeat or be left out; the old one stays the caller's. */
  select(cache: Cache, rows: readonly number[]): Promise<Cache>;
  /** Gives the memory back; harmless for a cache that was consumed. */
  free(cache: Cache): void;
}

export interface Decoding extends Rules {
  maxNewTokens: number;
  sampling?: Sampling;
  /** Tokens before the new ones that repetition rules look at as well. */
  prompt?: readonly number[];
  /** Sees a row's tokens as they grow; true ends that row. */
  watch?: (row: number, tokens: readonly number[]) => boolean;
  signal?: AbortSignal | undefined;
}

export interface Sequence {
  /** New tokens, without the one that ended the text. */
  tokens: number[];
  /** log p of each chosen token as the model gave it, before any rule; that of the end included. */
  logProbs: number[];
  ended: 'stop-id' | 'watch' | 'length';
}

interface Row {
  index: number;
  random: () => number;
  sequence: Sequence;
}

/** Steps whose caller has left, and which the runtime cannot stop. */
const left = new Set<Promise<unknown>>();

/** Waits for what an aborted caller left behind: before a model is closed, or asked for more. */
export async function settled(): Promise<void> {
  await Promise.allSettled(left);
}

/**
 * The same decoder, whose steps fail with AppError('aborted') as soon as the caller aborts: a prompt may take
 * seconds to be read, and the runtime has no way to stop in its middle. The step ends by itself (see `settled`) and
 * what it gives is freed then.
 */
export function leavable<Cache>(decoder: Decoder<Cache>, signal: AbortSignal | undefined): Decoder<Cache> {
  if (!signal) return decoder;
  const lent = new Set<Cache>();
  const unless = (step: Promise<Step<Cache>>): Promise<Step<Cache>> =>
    new Promise((resolve, reject) => {
      let kept = true;
      const leave = (): void => {
        kept = false;
        left.add(step);
        reject(new AppError('aborted', 'Cancelled.'));
      };
      signal.addEventListener('abort', leave, { once: true });
      void step
        .then((found) => {
          if (kept) resolve(found);
          else decoder.free(found.cache);
        }, reject)
        .finally(() => {
          left.delete(step);
          signal.removeEventListener('abort', leave);
        });
    });
  return {
    ...decoder,
    async start() {
      throwIfAborted(signal);
      return await unless(decoder.start());
    },
    async next(ids, cache) {
      if (signal.aborted) decoder.free(cache);
      throwIfAborted(signal);
      lent.add(cache);
      return await unless(decoder.next(ids, cache).finally(() => lent.delete(cache)));
    },
    // A step that goes on still reads the cache, and consumes it.
    free(cache) {
      if (!lent.has(cache)) decoder.free(cache);
    },
  };
}

/**
 * Continues every row by itself until it ends; rows that have ended leave the batch.
 * Throws AppError('aborted') when the caller aborts, at once.
 */
export async function decodeRows<Cache>(given: Decoder<Cache>, decoding: Decoding): Promise<Sequence[]> {
  const decoder = leavable(given, decoding.signal);
  let { logits, cache } = await decoder.start();
  const rows = logits.map((_, index): Row => startRow(index, decoding));
  let alive = rows;
  try {
    for (;;) {
      throwIfAborted(decoding.signal);
      const going = alive.map((row, at) => advance(row, logits[at] ?? new Float32Array(), decoding));
      const places = [...going.keys()].filter((at) => going[at]);
      alive = alive.filter((_, at) => going[at]);
      if (alive.length === 0) return rows.map((row) => row.sequence);
      cache = await pick(decoder, cache, places, going.length);
      const ids = alive.map((row) => row.sequence.tokens.at(-1) ?? 0);
      ({ logits, cache } = await decoder.next(ids, cache));
    }
  } finally {
    decoder.free(cache);
  }
}

/** The cache of these of its `count` rows in place of the old one, which is given back. */
export async function pick<Cache>(
  decoder: Decoder<Cache>,
  cache: Cache,
  rows: readonly number[],
  count: number,
): Promise<Cache> {
  if (rows.length === count && rows.every((row, at) => row === at)) return cache;
  try {
    return await decoder.select(cache, rows);
  } finally {
    decoder.free(cache);
  }
}

/** The same decoder with row `i` for the photo `photos[i]`: the prompt of a photo with several rows is read once. */
export function spread<Cache>(decoder: Decoder<Cache>, photos: readonly number[]): Decoder<Cache> {
  return {
    ...decoder,
    async start() {
      const { logits, cache } = await decoder.start();
      const grown = await pick(decoder, cache, photos, logits.length);
      return { logits: photos.map((photo) => logits[photo] ?? new Float32Array()), cache: grown };
    },
  };
}

/** Each row has a generator of its own, so that a photo gets the same text alone and in a batch. */
function startRow(index: number, { sampling }: Decoding): Row {
  return {
    index,
    random: seededRandom(sampling?.seeds?.[index] ?? sampling?.seed ?? 0),
    sequence: { tokens: [], logProbs: [], ended: 'length' },
  };
}

/** Chooses the row's next token; true while the row goes on. */
function advance(row: Row, logits: Float32Array, decoding: Decoding): boolean {
  const { tokens, logProbs } = row.sequence;
  const id = choose(logits, row, decoding);
  logProbs.push((logits[id] ?? -Infinity) - logSumExp(logits));
  if (decoding.stopIds.includes(id)) return finish(row, 'stop-id');
  tokens.push(id);
  if (decoding.watch?.(row.index, tokens)) return finish(row, 'watch');
  return tokens.length < decoding.maxNewTokens;
}

function finish(row: Row, ended: Sequence['ended']): false {
  row.sequence.ended = ended;
  return false;
}

function choose(logits: Float32Array, row: Row, decoding: Decoding): number {
  const { tokens } = row.sequence;
  const scores = logits.slice();
  applyRules(scores, decoding, [...(decoding.prompt ?? []), ...tokens], tokens.length);
  return decoding.sampling ? draw(scores, decoding.sampling, row.random) : argmax(scores);
}

/** Geometric mean of the chosen tokens' probabilities, 0 to 1. */
export function confidence({ logProbs }: Sequence): number {
  if (logProbs.length === 0) return 0;
  return Math.exp(logProbs.reduce((sum, x) => sum + x, 0) / logProbs.length);
}
