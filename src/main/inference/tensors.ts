/** Numbers on their way into and out of a session. */
import { AppError } from '../../shared/errors.ts';
import type { Tensor } from './session.ts';

export type TensorData = Float32Array | Float16Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;

/** What goes in: numbers in row-major order, `dims` multiplying to their count. */
export interface Feed {
  readonly type: 'float32' | 'float16' | 'int64' | 'int32' | 'bool';
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Token ids, masks or positions: `int64` unless the session declares `int32`. */
export function integers(values: ArrayLike<number>, dims: readonly number[], type = 'int64'): Feed {
  if (type === 'int32') return { type, dims, data: Int32Array.from(values) };
  return { type: 'int64', dims, data: BigInt64Array.from(Array.from(values), BigInt) };
}

/** Floats in the precision that the session declares, `float32` by default. */
export function floats(values: Float32Array, dims: readonly number[], type = 'float32'): Feed {
  if (type === 'float16') return { type, dims, data: new Float16Array(values) };
  return { type: 'float32', dims, data: values };
}

/** Reads a float tensor in main memory as float32 and disposes it. Throws AppError('model') for other element types. */
export function readFloats(tensor: Tensor): Float32Array {
  const data: unknown = tensor.data;
  tensor.dispose();
  if (data instanceof Float32Array) return data;
  if (data instanceof Float16Array) return Float32Array.from(data);
  if (data instanceof Uint16Array) return Float32Array.from(new Float16Array(data.slice().buffer));
  throw new AppError('model', `Expected floating-point numbers from the model, got ${tensor.type}.`);
}
