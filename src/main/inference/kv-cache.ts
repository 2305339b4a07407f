/**
 * Keys and values of a decoder between its steps, on the CPU or in GPU memory.
 *
 * [Note: device cache] A tensor in GPU memory must not be read from JavaScript: the binding ends the process
 * ("terminate called after throwing an instance of 'char const*'"). So its rows are chosen on the GPU, by a
 * graph of one Gather.
 */
import { AppError } from '../../shared/errors.ts';
import { openSession, type Session, type SessionOptions, type Tensor } from './session.ts';
import { floats, integers, type Feed } from './tensors.ts';

/** Keys and values by input name, each [rows, heads, length, headDim]. Emptied when it is consumed. */
export interface KvCache {
  tensors: Map<string, Feed | Tensor>;
  /** What all rows attend to: tensors of one row, in main memory, that every copy of the cache reads. */
  shared?: ReadonlyMap<string, Feed>;
  /** Positions so far, the image prefix included. */
  length: number;
  rows: number;
}

/** `past_key_values.3.key` goes in where `present.3.key` came out. */
const pastPrefix = 'past_key_values';
const presentPrefix = 'present';

/** Where an output goes in at the next step; names that are no part of a cache stay. */
export function pastName(output: string): string {
  return output.replace(presentPrefix, pastPrefix);
}

/** Whether a decoder's output is part of its cache, and may stay in GPU memory. */
export function isCache(output: string): boolean {
  return output.startsWith(presentPrefix);
}

/** A cache without positions, for the prompt. */
export function emptyCache(
  decoder: Session,
  rows: number,
  shape: { heads: number; headDim: number },
): KvCache {
  const dims = [rows, shape.heads, 0, shape.headDim];
  const names = [...decoder.inputs].filter(([name]) => name.startsWith(pastPrefix));
  const tensors = names.map(([name, type]): [string, Feed] => [name, floats(new Float32Array(), dims, type)]);
  return { tensors: new Map(tensors), length: 0, rows };
}

/** The cache among a decoder's outputs. */
export function takeCache(outputs: Readonly<Record<string, Tensor>>, rows: number, length: number): KvCache {
  const present = Object.entries(outputs).filter(([name]) => isCache(name));
  const tensors = present.map(([name, tensor]): [string, Tensor] => [pastName(name), tensor]);
  return { tensors: new Map(tensors), length, rows };
}

/** A copy with these rows, which may repeat; the old one stays. `gather` is for one in GPU memory. */
export async function selectRows(
  cache: KvCache,
  rows: readonly number[],
  gather?: Session,
): Promise<KvCache> {
  const { length, shared } = cache;
  const copy: KvCache = { tensors: new Map(), length, rows: rows.length, ...(shared && { shared }) };
  try {
    for (const [name, tensor] of cache.tensors) {
      const onDevice = gather && 'location' in tensor && tensor.location === 'gpu-buffer';
      copy.tensors.set(name, onDevice ? await copyOnDevice(gather, tensor, rows) : copyRows(tensor, rows));
    }
    return copy;
  } catch (error) {
    freeCache(copy);
    throw error;
  }
}

/** Gives the memory back; harmless for a cache that was consumed. */
export function freeCache(cache: KvCache): void {
  for (const tensor of cache.tensors.values()) if ('location' in tensor) tensor.dispose();
  cache.tensors.clear();
}

/** Some rows of [rows, ...], byte by byte, so that it serves every precision. */
function copyRows({ type, dims, data }: Feed | Tensor, rows: readonly number[]): Feed {
  if (!ArrayBuffer.isView(data)) throw new AppError('model', `A cache of ${type} cannot be reordered.`);
  const [count = 1, ...rest] = dims;
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = data.byteLength / count;
  const picked = new Uint8Array(rows.length * size);
  rows.forEach((row, at) => picked.set(source.subarray(row * size, (row + 1) * size), at * size));
  const shape = [rows.length, ...rest];
  if (type === 'float16') return { type, dims: shape, data: new Float16Array(picked.buffer) };
  return { type: 'float32', dims: shape, data: new Float32Array(picked.buffer) };
}

async function copyOnDevice(
  gather: Session,
  tensor: Feed | Tensor,
  rows: readonly number[],
): Promise<Tensor> {
  const { y } = await gather.run({ x: tensor, rows: integers(rows, [rows.length]) });
  if (!y) throw new AppError('internal', 'Gather has no output.');
  return y;
}

/** y = Gather(x, rows) on the first of four axes, for each element type; made with onnx.helper, opset 17. */
const gatherGraphs = {
  float32:
    'CAg6fQohCgF4CgRyb3dzEgF5IgZHYXRoZXIqCwoEYXhpcxgAoAECEgFnWh8KAXgSGgoYCAESFAoDEgFuCgMSAWgKAxIBdAoDEgFkWhMKBHJvd3MSCwoJCAcSBQoDEgFrYh8KAXkSGgoYCAESFAoDEgFrCgMSAWgKAxIBdAoDEgFkQgQKABAR',
  float16:
    'CAg6fQohCgF4CgRyb3dzEgF5IgZHYXRoZXIqCwoEYXhpcxgAoAECEgFnWh8KAXgSGgoYCAoSFAoDEgFuCgMSAWgKAxIBdAoDEgFkWhMKBHJvd3MSCwoJCAcSBQoDEgFrYh8KAXkSGgoYCAoSFAoDEgFrCgMSAWgKAxIBdAoDEgFkQgQKABAR',
};

/** What chooses rows for a decoder that keeps its cache in GPU memory. Throws AppError('model'). */
export function openGather(decoder: Session, options: SessionOptions): Promise<Session> {
  const type = [...decoder.inputs].find(([name]) => name.startsWith(pastPrefix))?.[1];
  const graph = gatherGraphs[type === 'float16' ? 'float16' : 'float32'];
  return openSession(Buffer.from(graph, 'base64'), { ...options, keepOnDevice: () => true });
}
