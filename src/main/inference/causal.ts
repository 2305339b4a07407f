/** A language model's decoder in ONNX, one step after another, with its keys and values kept between steps. */
import { AppError } from '../../shared/errors.ts';
import type { Decoder, Step } from './generate.ts';
import { emptyCache, freeCache, selectRows, takeCache, type KvCache } from './kv-cache.ts';
import type { ImageRun } from './prompt.ts';
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

/** The prompt's tokens, and the image prefix of each row that stands before the token `imageAt`, 0 by default. */
export interface CausalPrompt {
  prefixes: readonly Float32Array[];
  ids: readonly number[];
  imageAt?: number;
  /** Instead of `imageAt`, where the prefix is read in parts. */
  runs?: readonly ImageRun[];
  /** Of a model whose positions have several axes: the prompt's, and how far later ones are behind the count. */
  positions?: { axes: readonly (readonly number[])[]; shift: number };
}

/**
 * A decoder for one prompt around each of several image prefixes, every prefix `imageTokens * width` numbers.
 * All rows have the same length, so nothing is padded.
 */
export function causalDecoder(
  sessions: CausalSessions,
  generate: CausalFacts,
  prompt: CausalPrompt,
): Decoder<KvCache> {
  const { imageTokens } = generate;
  return {
    async start() {
      const embeds = await embedPrompt(sessions.embedTokens, generate, prompt);
      const cache = emptyCache(sessions.decoder, prompt.prefixes.length, generate);
      const positions = prompt.positions?.axes;
      return step(sessions.decoder, { ...embeds, imageTokens, ...(positions && { positions }) }, cache);
    },
    async next(ids, cache) {
      try {
        const embeds = await embed(sessions.embedTokens, ids, [ids.length, 1]);
        const dims = [ids.length, 1, generate.width];
        const { axes, shift = 0 } = prompt.positions ?? {};
        const positions = axes?.map(() => [cache.length + shift]);
        return await step(
          sessions.decoder,
          { embeds, dims, imageTokens, ...(positions && { positions }) },
          cache,
        );
      } finally {
        freeCache(cache);
      }
    },
    select: (cache, rows) => selectRows(cache, rows, sessions.gather),
    free: freeCache,
  };
}

/** What a step adds: token ids for decoders that take them, embeddings for the others. */
export interface Added {
  ids?: readonly number[];
  embeds?: Float32Array;
  /** [rows, positions], and the width of embeddings */
  dims: readonly number[];
  /** For a decoder that sees a photo's positions otherwise than text: how many there are, at the beginning. */
  imageTokens?: number;
  /** Where positions have several axes: those of one row, axis by axis. */
  positions?: readonly (readonly number[])[];
}

/** Token embeddings [...dims, width] as flat numbers. */
export async function embed(session: Session, ids: readonly number[], dims: number[]): Promise<Float32Array> {
  const [[input, type] = ['input_ids', 'int64']] = session.inputs;
  const [output = 'inputs_embeds'] = session.outputs;
  const found = await session.run({ [input]: integers(ids, dims, type) }, [output]);
  const tensor = found[output];
  if (!tensor)
    throw new AppError('model', `The token embedding has no output "${output}". Get the model again.`);
  return readFloats(tensor);
}

/** Each row: its image prefix among the embeddings of the prompt's tokens. */
export async function embedPrompt(
  session: Session,
  generate: Pick<CausalFacts, 'imageTokens' | 'width'>,
  { prefixes, ids, imageAt = 0, runs = [{ at: imageAt, count: generate.imageTokens }] }: CausalPrompt,
): Promise<Required<Pick<Added, 'embeds' | 'dims'>>> {
  const words = await embed(session, ids, [1, ids.length]);
  const { width } = generate;
  const places = runs.reduce((sum, { count }) => sum + count, 0);
  if (words.length !== ids.length * width) {
    const found = words.length / ids.length;
    throw new AppError('model', `Token embeddings have ${found} numbers where model.json says ${width}.`);
  }
  const positions = places + ids.length;
  const embeds = new Float32Array(prefixes.length * positions * width);
  prefixes.forEach((prefix, row) => {
    if (prefix.length !== places * width) {
      const size = places * width;
      throw new AppError('internal', `An image prefix has ${prefix.length} numbers instead of ${size}.`);
    }
    weave(embeds.subarray(row * positions * width, (row + 1) * positions * width), {
      words,
      prefix,
      width,
      runs,
    });
  });
  return { embeds, dims: [prefixes.length, positions, width] };
}

/** Writes a row: the words, and between them the parts of the prefix. */
function weave(
  row: Float32Array,
  from: { words: Float32Array; prefix: Float32Array; width: number; runs: readonly ImageRun[] },
): void {
  const { words, prefix, width, runs } = from;
  let [read, seen] = [0, 0];
  for (const { at, count } of runs) {
    row.set(words.subarray(read * width, at * width), (read + seen) * width);
    row.set(prefix.subarray(seen * width, (seen + count) * width), (at + seen) * width);
    [read, seen] = [at, seen + count];
  }
  row.set(words.subarray(read * width), (read + seen) * width);
}

/** What decoders of transformers take an encoder's last states as. */
export const encoderStates = 'encoder_hidden_states';

/** Keys and values of what is attended to: a merged export gives them in its first pass, and nothing of use in their place later. */
function isAttended(name: string): boolean {
  return name.includes('.encoder.');
}

/**
 * One pass over new positions; the new cache is the caller's, the old one stays to be freed. What the decoder
 * reads from the cache and does not give anew, such as keys and values of cross-attention, moves on.
 */
export async function step(session: Session, added: Added, cache: KvCache): Promise<Step<KvCache>> {
  const [rows = 0, positions = 0] = added.dims;
  const length = cache.length + positions;
  const found = await session.run(feedsFor(session, added, cache));
  const next = { ...takeCache(found, rows, length), ...(cache.shared && { shared: cache.shared }) };
  for (const [name, tensor] of cache.tensors) {
    const given = next.tensors.get(name);
    if (given && !(cache.length > 0 && isAttended(name))) continue;
    if (given && 'location' in given) given.dispose();
    next.tensors.set(name, tensor);
    cache.tensors.delete(name);
  }
  try {
    return { logits: lastLogits(found['logits'], rows), cache: next };
  } catch (error) {
    freeCache(next);
    throw error;
  }
}

/** Only the inputs that the session declares: exports differ in which they have. */
export function feedsFor(session: Session, added: Added, cache: KvCache): Record<string, Feed | Tensor> {
  const { embeds = new Float32Array(), ids = [], dims, imageTokens = 0 } = added;
  const [rows = 0, positions = 0] = dims;
  const length = cache.length + positions;
  const place = (_: unknown, at: number): number => cache.length + (at % positions);
  const makers: Record<string, (type: string) => Feed> = {
    inputs_embeds: (type) => floats(embeds, dims, type),
    input_ids: (type) => integers(ids, [rows, positions], type),
    attention_mask: (type) => integers(Array<number>(rows * length).fill(1), [rows, length], type),
    encoder_attention_mask: (type) => {
      const dims = (cache.tensors.get(encoderStates)?.dims ?? []).slice(0, 2);
      return integers(Array<number>(dims.reduce((a, b) => a * b, 1)).fill(1), dims, type);
    },
    position_ids: (type) => {
      const { positions: axes } = added;
      if (!axes) return integers(Array.from({ length: rows * positions }, place), [rows, positions], type);
      const repeated = axes.flatMap((axis) => Array.from({ length: rows }, () => axis).flat());
      return integers(repeated, [axes.length, rows, positions], type);
    },
    // Merged exports choose by it between a pass with and without a cache.
    use_cache_branch: () => ({ type: 'bool', dims: [1], data: Uint8Array.of(cache.length > 0 ? 1 : 0) }),
    image_tokens: (type) => integers([imageTokens], [1], type),
    num_logits_to_keep: (type) => integers([1], [], type),
  };
  const feeds: Record<string, Feed | Tensor> = Object.fromEntries([
    ...cache.tensors,
    ...(cache.shared ?? []),
  ]);
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
