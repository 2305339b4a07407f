/**
 * Lays a row's tiny model out as the public exports for transformers.js are: settings under the names that transformers
 * gives them (settings.json of the row, as its checkpoint was saved), ONNX files in `onnx`, tensors by their names, and
 * in place of our graphs those of `public` where the row has them.
 */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { root } from '../unit/inference-helpers.ts';

const settingsSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
type Settings = z.infer<typeof settingsSchema>;

export interface PublicForm {
  /** Names of tensors that the public export has otherwise. */
  tensors?: Readonly<Record<string, string>>;
  /** One file with both sides, as Chinese-CLIP's. */
  joined?: boolean;
  /** Files of ours that the public export has not. */
  without?: readonly string[];
  /** What is changed of the settings, by file. */
  edit?: (settings: Settings) => void;
}

/** A folder `name` that is removed when the test has finished. */
export async function publicForm(row: string, form: PublicForm = {}, name = 'Tiny-Model'): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'iris-public-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, name);
  await mkdir(join(folder, 'onnx'), { recursive: true });
  const from = join(root, 'test/parity/rows', row);
  const settings = settingsSchema.parse(JSON.parse(await readFile(join(from, 'settings.json'), 'utf8')));
  const { image_processor: image } = settings['processor_config.json'] ?? {};
  settings['preprocessor_config.json'] ??= z.record(z.string(), z.unknown()).parse(image);
  form.edit?.(settings);
  for (const [file, values] of Object.entries(settings))
    await writeFile(join(folder, file), JSON.stringify(values));
  for (const file of await readdir(join(from, 'model'))) {
    const source = join(from, 'model', file);
    if (/^(?:tokenizer\.json|chat_template\.jinja)$/.test(file)) await cp(source, join(folder, file));
    if (!file.endsWith('.onnx')) continue;
    const bytes = renamed(await readFile(source), (tensor) => form.tensors?.[tensor] ?? tensor);
    await writeFile(join(folder, 'onnx', file), bytes);
  }
  const own = join(from, 'public');
  if ((await readdir(from)).includes('public')) await cp(own, join(folder, 'onnx'), { recursive: true });
  for (const file of form.without ?? []) await rm(join(folder, 'onnx', file));
  if (form.joined) await join_(join(folder, 'onnx'));
  return folder;
}

/** Two graphs as one: protobuf messages that follow each other are merged. */
async function join_(folder: string): Promise<void> {
  const ports = /^(?:pixel_values|input_ids|attention_mask|image_embeds|text_embeds)$/;
  const [vision, text] = await Promise.all(
    ['vision_model', 'text_model'].map(async (part) => {
      const bytes = await readFile(join(folder, `${part}.onnx`));
      await rm(join(folder, `${part}.onnx`));
      return renamed(bytes, (tensor) => (tensor === '' || ports.test(tensor) ? tensor : `${part}/${tensor}`));
    }),
  );
  const graph = [...fields(text ?? Buffer.alloc(0))].filter(({ field }) => field === 7).map(({ whole }) => whole);
  await writeFile(join(folder, 'model.onnx'), Buffer.concat([vision ?? Buffer.alloc(0), ...graph]));
}

/** Where names of tensors are in onnx.proto, by the numbers of the fields. */
interface Rule {
  [field: number]: Rule | 'name';
}
const graphRule: Rule = {
  1: { 1: 'name', 2: 'name' },
  5: { 8: 'name' },
  11: { 1: 'name' },
  12: { 1: 'name' },
  13: { 1: 'name' },
};

/** An ONNX model with its tensors renamed. */
function renamed(bytes: Buffer, rename: (name: string) => string, rule: Rule = { 7: graphRule }): Buffer {
  const written: Buffer[] = [];
  for (const { field, kind, whole, value } of fields(bytes)) {
    const next = kind === 2 ? rule[field] : undefined;
    if (next === undefined) written.push(whole);
    else {
      const inner = next === 'name' ? Buffer.from(rename(value.toString())) : renamed(value, rename, next);
      written.push(varint(field * 8 + 2), varint(inner.length), inner);
    }
  }
  return Buffer.concat(written);
}

interface Field {
  field: number;
  kind: number;
  whole: Buffer;
  value: Buffer;
}

function* fields(bytes: Buffer): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const read = (): number => {
      let value = 0;
      for (let place = 0; ; place++) {
        const byte = bytes[at++] ?? 0;
        value += (byte % 128) * 2 ** (7 * place);
        if (byte < 128) return value;
      }
    };
    const key = read();
    const kind = key % 8;
    const length = kind === 2 ? read() : kind === 1 ? 8 : kind === 5 ? 4 : 0;
    const from = at;
    if (kind === 0) read();
    at = Math.max(at, from + length);
    yield { field: Math.floor(key / 8), kind, whole: bytes.subarray(start, at), value: bytes.subarray(from, at) };
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128))
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
  return Buffer.from(bytes);
}
