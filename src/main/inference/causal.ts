/** A decoder-only language model in ONNX, with its keys and values kept between steps. */
import { AppError } from '../../shared/errors.ts';
import type { Decoder, Step } from './generate.ts';
import type { GenerateManifest } from './model.ts';
import { floats, integers, readFloats, type Feed, type Session, type Tensor } from './session.ts';

/** Keys and values by input name, each [rows, heads, length, headDim]. Emptied when it is consumed. */
export interface KvCache {
  tensors: Map<string, Feed | Tensor>;
  /** Positions so far, the image prefix included. */
  length: number;
  rows: number;
}

export interface CausalSessions {
  embedTokens: Session;
  decoder: Session;
}

/** `past_key_values.3.key` goes in where `present.3.key` came out. */
const pastPrefix = 'past_key_values';
const presentPrefix = 'present';

/** Whether a decoder's output is part of its cache, and may stay in GPU memory. */
export function isCache(output: string): boolean {
  return output.startsWith(presentPrefix);
}

/**
 * A decoder for one prompt after each of several image prefixes, every prefix `imageTokens * width` numbers.
 * All rows have the same length, so nothing is padded.
 */
export function causalDecoder(
  sessions: CausalSessions,
  generate: GenerateManifest,
  prompt: { prefixes: readonly Float32Array[]; ids: readonly number[] },
): Decoder<KvCache> {
  return {
    async start() {
      const embeds = await embedPrompt(sessions.embedTokens, generate, prompt);
      return step(sessions.decoder, embeds, emptyCache(sessions.decoder, generate, prompt.prefixes.length));
    },
    async next(ids, cache) {
      try {
        const embeds = await embed(sessions.embedTokens, ids, [ids.length, 1]);
        const dims = [ids.length, 1, generate.width];
        return await step(sessions.decoder, { values: embeds, dims }, cache);
      } finally {
        free(cache);
      }
    },
    select,
    free,
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
  generate: GenerateManifest,
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

function emptyCache(session: Session, generate: GenerateManifest, rows: number): KvCache {
  const dims = [rows, generate.heads, 0, generate.headDim];
  const names = [...session.inputs].filter(([name]) => name.startsWith(pastPrefix));
  const tensors = names.map(([name, type]): [string, Feed] => [name, floats(new Float32Array(), dims, type)]);
  return { tensors: new Map(tensors), length: 0, rows };
}

/** One pass over new positions; the new cache is the caller's, the old one stays to be freed. */
async function step(session: Session, embeds: Embeds, cache: KvCache): Promise<Step<KvCache>> {
  const [rows = 0, positions = 0] = embeds.dims;
  const length = cache.length + positions;
  const found = await session.run(feedsFor(session, embeds, cache));
  const { logits, ...rest } = found;
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of Object.entries(rest)) {
    tensors.set(name.replace(presentPrefix, pastPrefix), tensor);
  }
  const next: KvCache = { tensors, length, rows };
  try {
    return { logits: await lastLogits(logits, rows), cache: next };
  } catch (error) {
    free(next);
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
async function lastLogits(tensor: Tensor | undefined, rows: number): Promise<Float32Array[]> {
  const [found = 0, positions = 0, vocabulary = 0] = tensor?.dims ?? [];
  if (!tensor || found !== rows || positions * vocabulary === 0) {
    const shape = tensor ? `[${tensor.dims.join(', ')}]` : 'nothing';
    throw new AppError('model', `Output "logits" is ${shape} where ${rows} rows of scores were expected.`);
  }
  const values = await readFloats(tensor);
  const end = (row: number): number => (row + 1) * positions * vocabulary;
  return Array.from({ length: rows }, (_, row) => values.slice(end(row) - vocabulary, end(row)));
}

async function select(cache: KvCache, rows: readonly number[]): Promise<KvCache> {
  const tensors = new Map<string, Feed>();
  try {
    for (const [name, tensor] of cache.tensors) tensors.set(name, await gather(tensor, rows));
  } finally {
    free(cache);
  }
  return { tensors, length: cache.length, rows: rows.length };
}

/** Some rows of [rows, ...], byte by byte, so that it serves every precision. */
async function gather(tensor: Feed | Tensor, rows: readonly number[]): Promise<Feed> {
  const data = 'location' in tensor ? await tensor.getData() : tensor.data;
  if (!ArrayBuffer.isView(data))
    throw new AppError('model', `A cache of ${tensor.type} cannot be reordered.`);
  const [count = 1, ...rest] = tensor.dims;
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = data.byteLength / count;
  const picked = new Uint8Array(rows.length * size);
  rows.forEach((row, at) => picked.set(source.subarray(row * size, (row + 1) * size), at * size));
  const dims = [rows.length, ...rest];
  if (tensor.type === 'float16') return { type: 'float16', dims, data: new Float16Array(picked.buffer) };
  return { type: 'float32', dims, data: new Float32Array(picked.buffer) };
}

function free(cache: KvCache): void {
  for (const tensor of cache.tensors.values()) if ('location' in tensor) tensor.dispose();
  cache.tensors.clear();
}
