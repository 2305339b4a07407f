/**
 * What an ONNX file takes and gives, read from its protobuf (onnx.proto: ModelProto.graph and its input and output)
 * without loading weights: what it does not need to know is skipped in the file.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { AppError, reasonOf } from '../../../shared/errors.ts';

/** A tensor's sizes, null for those that may change. */
export type Dims = readonly (number | null)[];

export interface Graph {
  file: string;
  inputs: ReadonlyMap<string, Dims>;
  outputs: ReadonlyMap<string, Dims>;
}

const fields = { graph: 7, input: 11, output: 12, name: 1, type: 2, tensor: 1, shape: 2, dim: 1, size: 1 };
const windowBytes = 1 << 16;

/** Reads the ports of a graph. Throws AppError('model') naming a file that is no ONNX model. */
export async function readGraph(file: string): Promise<Graph> {
  const handle = await open(file, 'r');
  try {
    const source = new Source(handle, (await handle.stat()).size);
    const inputs = new Map<string, Dims>();
    const outputs = new Map<string, Dims>();
    for await (const model of source.messages(0, source.size, fields.graph))
      for await (const { field, start, end } of source.messages(model.start, model.end)) {
        if (field !== fields.input && field !== fields.output) continue;
        const [name, dims] = port(await source.bytes(start, end));
        (field === fields.input ? inputs : outputs).set(name, dims);
      }
    if (outputs.size === 0) throw new Error('it has no graph');
    return { file, inputs, outputs };
  } catch (error) {
    throw new AppError('model', `${file} is no ONNX model (${reasonOf(error)}). Get the file again.`, {
      cause: error,
    });
  } finally {
    await handle.close();
  }
}

interface Span {
  field: number;
  start: number;
  end: number;
}

/** A file of protobuf messages, through a window that is read where it is needed. */
class Source {
  readonly #handle: FileHandle;
  readonly size: number;
  #window: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.size = size;
  }

  /** The fields with a length between two places, all of them or those of one number. */
  async *messages(start: number, end: number, wanted?: number): AsyncGenerator<Span> {
    for (let at = start; at < end;) {
      const span = await this.#span(at);
      if (span.end > end) throw new Error('it is cut short');
      if (span.kind === lengthKind && (wanted === undefined || span.field === wanted)) yield span;
      at = span.end;
    }
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    const found = Buffer.alloc(end - start);
    await this.#handle.read(found, 0, found.length, start);
    return found;
  }

  async #span(at: number): Promise<Span & { kind: number }> {
    if (at < this.#at || at + longestHead > this.#at + this.#window.length) {
      this.#window = await this.bytes(at, Math.min(this.size, at + windowBytes));
      this.#at = at;
    }
    const { field, kind, start, end } = span(this.#window, at - this.#at);
    return { field, kind, start: start + this.#at, end: end + this.#at };
  }
}

const lengthKind = 2;
const longestHead = 20;

/** The field at a place: its number, its kind, and where its value is. */
function span(bytes: Buffer, at: number): Span & { kind: number } {
  const [key, after] = varint(bytes, at);
  const field = Math.floor(key / 8);
  const kind = key % 8;
  if (kind === 0) return { field, kind, start: after, end: varint(bytes, after)[1] };
  if (kind === 1) return { field, kind, start: after, end: after + 8 };
  if (kind === 5) return { field, kind, start: after, end: after + 4 };
  if (kind !== lengthKind) throw new Error('it is no protobuf');
  const [length, start] = varint(bytes, after);
  return { field, kind, start, end: start + length };
}

function varint(bytes: Buffer, at: number): [value: number, after: number] {
  let value = 0;
  for (let place = 0; place < 10; place++) {
    const byte = bytes[at + place];
    if (byte === undefined) throw new Error('it is cut short');
    value += (byte % 128) * 2 ** (7 * place);
    if (byte < 128) return [value, at + place + 1];
  }
  throw new Error('it is no protobuf');
}

/** The spans of a message that is in memory. */
function parts(bytes: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const { field, start, end } = span(bytes, at);
    if (field === wanted) found.push(bytes.subarray(start, end));
    at = end;
  }
  return found;
}

/** A ValueInfoProto: its name, and its sizes where it is a tensor. */
function port(bytes: Buffer): [name: string, dims: Dims] {
  const name = parts(bytes, fields.name)[0]?.toString('utf8') ?? '';
  const shapes = parts(bytes, fields.type)
    .flatMap((type) => parts(type, fields.tensor))
    .flatMap((tensor) => parts(tensor, fields.shape));
  const dims = shapes.flatMap((shape) => parts(shape, fields.dim));
  return [name, dims.map((dim) => sizeOf(parts(dim, fields.size)[0]))];
}

/** A dimension without a size has a name instead, or nothing. */
function sizeOf(value: Buffer | undefined): number | null {
  return value === undefined ? null : varint(value, 0)[0];
}
