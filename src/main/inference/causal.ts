/** A decoder-only language model in ONNX, with its keys and values kept between steps. */
import { AppError } from '../../shared/errors.ts';
import type { Decoder, Step } from './generate.ts';
import { emptyCache, freeCache, selectRows, takeCache, type KvCache } from './kv-cache.ts';
import type { Session, Tensor } from './session.ts';
import { floats, integers, readFloats, type Feed } from './tensors.ts';

/** What the manifest says of the decoder: sizes of the image prefix and of the cache. */
export interface CausalFacts {
  imageTokens: number;
  width: number;
  layers: number;
  heads: number;
  headDim: number;
}

export interface CausalSessions {
  embedTokens: Session;
  decoder: Session;
  /** Where the decoder keeps its cache in GPU memory. */
  gather?: Session;
}

/**
 * A decoder for one prompt after each of several image prefixes, every prefix `imageTokens * width` numbers.
 * All rows have the same length, so nothing is padded.
 */
export function causalDecoder(
  sessions: CausalSessions,
  generate: CausalFacts,
  prompt: { prefixes: readonly Float32Array[]; ids: readonly number[] },
): Decoder<KvCache> {
  return {
    async start() {
      const embeds = await embedPrompt(sessions.embedTokens, generate, prompt);
      return step(sessions.decoder, embeds, emptyCache(sessions.decoder, prompt.prefixes.length, generate));
    },
    async next(ids, cache) {
      try {
        const embeds = await embed(sessions.embedTokens, ids, [ids.length, 1]);
        const dims = [ids.length, 1, generate.width];
        return await step(sessions.decoder, { values: embeds, dims }, cache);
      } finally {
        freeCache(cache);
      }
    },
    select: (cache, rows) => selectRows(cache, rows, sessions.gather),
    free: freeCache,
  };
}

interface Embeds {
  values: Float32Array;
  /** [rows, positions, width] */
  dims: number[];
}

/** Token embeddings [...dims, width] as flat numbers. */
async function embed(session: Session, ids: readonly number[], dims: number[]): Promise<Float32Array> {
  const [[input, type] = ['input_ids', 'int64']] = session.inputs;
  const [output = 'inputs_embeds'] = session.outputs;
  const found = await session.run({ [input]: integers(ids, dims, type) }, [output]);
  const tensor = found[output];
  if (!tensor)
    throw new AppError('model', `The token embedding has no output "${output}". Get the model again.`);
  return readFloats(tensor);
}

/** Each row: its image prefix, then the prompt's tokens. */
async function embedPrompt(
  session: Session,
  generate: CausalFacts,
  { prefixes, ids }: { prefixes: readonly Float32Array[]; ids: readonly number[] },
): Promise<Embeds> {
  const words = await embed(session, ids, [1, ids.length]);
  const size = generate.imageTokens * generate.width;
  if (words.length !== ids.length * generate.width) {
    const width = words.length / ids.length;
    throw new AppError(
      'model',
      `Token embeddings have ${width} numbers where model.json says ${generate.width}.`,
    );
  }
  const values = new Float32Array(prefixes.length * (size + words.length));
  prefixes.forEach((prefix, row) => {
    if (prefix.length !== size) {
      throw new AppError('internal', `An image prefix has ${prefix.length} numbers instead of ${size}.`);
    }
    values.set(prefix, row * (size + words.length));
    values.set(words, row * (size + words.length) + size);
  });
  return { values, dims: [prefixes.length, generate.imageTokens + ids.length, generate.width] };
}

/** One pass over new positions; the new cache is the caller's, the old one stays to be freed. */
async function step(session: Session, embeds: Embeds, cache: KvCache): Promise<Step<KvCache>> {
  const [rows = 0, positions = 0] = embeds.dims;
  const length = cache.length + positions;
  const found = await session.run(feedsFor(session, embeds, cache));
  const next = takeCache(found, rows, length);
  try {
    return { logits: lastLogits(found['logits'], rows), cache: next };
  } catch (error) {
    freeCache(next);
    throw error;
  }
}

/** Only the inputs that the session declares: exports differ in which they have. */
function feedsFor(session: Session, { values, dims }: Embeds, cache: KvCache): Record<string, Feed | Tensor> {
  const [rows = 0, positions = 0] = dims;
  const length = cache.length + positions;
  const place = (_: unknown, at: number): number => cache.length + (at % positions);
  const makers: Record<string, (type: string) => Feed> = {
    inputs_embeds: (type) => floats(values, dims, type),
    attention_mask: (type) => integers(Array<number>(rows * length).fill(1), [rows, length], type),
    position_ids: (type) =>
      integers(Array.from({ length: rows * positions }, place), [rows, positions], type),
    // Merged exports choose by it between a pass with and without a cache.
    use_cache_branch: () => ({ type: 'bool', dims: [1], data: Uint8Array.of(cache.length > 0 ? 1 : 0) }),
    num_logits_to_keep: (type) => integers([1], [], type),
  };
  const feeds: Record<string, Feed | Tensor> = Object.fromEntries(cache.tensors);
  for (const [name, type] of session.inputs) {
    const make = makers[name];
    if (make) feeds[name] = make(type);
  }
  return feeds;
}

/** Scores after the last position of each row of [rows, positions, vocabulary]. */
function lastLogits(tensor: Tensor | undefined, rows: number): Float32Array[] {
  const [found = 0, positions = 0, vocabulary = 0] = tensor?.dims ?? [];
  if (!tensor || found !== rows || positions * vocabulary === 0) {
    const shape = tensor ? `[${tensor.dims.join(', ')}]` : 'nothing';
    throw new AppError('model', `Output "logits" is ${shape} where ${rows} rows of scores were expected.`);
  }
  const values = readFloats(tensor);
  const end = (row: number): number => (row + 1) * positions * vocabulary;
  return Array.from({ length: rows }, (_, row) => values.slice(end(row) - vocabulary, end(row)));
}
