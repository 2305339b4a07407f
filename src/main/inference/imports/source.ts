/** A folder in the form of onnx-community as it was read, for the architectures to make a manifest of. */
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import type { Manifest } from '../model.ts';
import { readJson } from '../parts.ts';
import type { LanguageFacts } from '../prompt.ts';
import type { Graph } from './graph.ts';
import type { Settings } from './settings.ts';

/** What an architecture makes of a folder. */
export type Facts = Pick<Manifest, 'preprocess'> &
  Partial<Pick<Manifest, 'embed' | 'generate' | 'match' | 'reads'>>;

export const tokenizerFiles = { tokenizer: 'tokenizer.json', tokenizerConfig: 'tokenizer_config.json' };

export interface Source {
  folder: string;
  config: Settings;
  generation: Settings;
  /** Of the image processor. */
  processor: Settings;
  tokenizer: Settings;
  vocabulary: Vocabulary;
  /** The file with the chat template, if there is one. */
  chatTemplate: string | undefined;
  /** Parts that were picked: their path within the folder, and what they take and give. */
  files: ReadonlyMap<string, string>;
  graphs: ReadonlyMap<string, Graph>;
}

/** The path and ports of a part. */
export function partOf(source: Source, ...names: readonly string[]): { path: string; graph: Graph } {
  for (const name of names) {
    const [path, graph] = [source.files.get(name), source.graphs.get(name)];
    if (path !== undefined && graph) return { path, graph };
  }
  throw new AppError('internal', `The parts ${names.join(', ')} were not picked.`);
}

/** The name of an output, the first of several that a graph has. Throws AppError('model') listing what it gives. */
export function outputOf(graph: Graph, ...names: readonly string[]): string {
  const found = names.find((name) => graph.outputs.has(name));
  if (found !== undefined) return found;
  const given = [...graph.outputs.keys()].slice(0, 8).join(', ');
  throw new AppError(
    'model',
    `${graph.file}: expected an output ${names.join(' or ')}, found ${given}. Get an export for transformers.js.`,
  );
}

/** One of an output's sizes, from the end, where it does not change. */
export function sizeOf(graph: Graph, output: string, fromEnd: number): number | undefined {
  return graph.outputs.get(output)?.at(-fromEnd) ?? undefined;
}

/** The decoder's cache: from its graph, and where that leaves it open from the settings of the language model. */
export function cacheOf(graph: Graph, text: Settings): { layers: number; heads: number; headDim: number } {
  const keys = [...graph.inputs].filter(([name]) => /^past_key_values\.\d+\.(?:decoder\.)?key$/.test(name));
  const [, dims = []] = keys[0] ?? [];
  if (keys.length === 0)
    throw new AppError(
      'model',
      `${graph.file}: expected inputs past_key_values.N.key, found none. Get decoder_model_merged of an export with a cache.`,
    );
  const attention =
    text.number('num_attention_heads') ?? text.number('decoder_attention_heads') ?? text.number('n_head');
  const heads = dims[1] ?? text.number('num_key_value_heads') ?? attention;
  const width = widthOf(text);
  const headDim = dims[3] ?? text.number('head_dim') ?? (width && attention ? width / attention : undefined);
  if (heads === undefined) throw text.wrong('num_attention_heads', 'a number');
  if (headDim === undefined) throw text.wrong('head_dim', 'a number');
  return { layers: keys.length, heads, headDim };
}

export function widthOf(text: Settings): number | undefined {
  return text.number('hidden_size') ?? text.number('d_model') ?? text.number('n_embd');
}

const vocabularySchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string() })).default([]),
  model: z.looseObject({
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.tuple([z.string(), z.number()]))]),
  }),
});

/** Which words have which ids. */
export interface Vocabulary {
  idOf(word: string): number | undefined;
  wordOf(id: number): string | undefined;
}

/** Reads tokenizer.json. Throws AppError('model') where it is none of the fast tokenizers. */
export async function readVocabulary(folder: string): Promise<Vocabulary> {
  const file = join(folder, 'tokenizer.json');
  const parsed = vocabularySchema.safeParse(await readJson(file));
  if (!parsed.success)
    throw new AppError(
      'model',
      `${file}: expected a fast tokenizer with "model" and "vocab". Get the file again.`,
    );
  const { added_tokens, model } = parsed.data;
  const vocab = Array.isArray(model.vocab)
    ? new Map(model.vocab.map(([word], id) => [word, id]))
    : new Map(Object.entries(model.vocab));
  const ids = new Map([...vocab, ...added_tokens.map(({ id, content }): [string, number] => [content, id])]);
  const words = new Map([...ids].map(([word, id]) => [id, word]));
  return { idOf: (word) => ids.get(word), wordOf: (id) => words.get(id) };
}

/** The id of one of the tokenizer's own tokens, such as `pad_token`, which is a text or an object with one. */
export function tokenId({ tokenizer, vocabulary }: Source, name: string): number | undefined {
  const word = tokenizer.text(name) ?? tokenizer.part(name).text('content');
  return word === undefined ? undefined : vocabulary.idOf(word);
}

/** How many places the tokenizer has as words, `wordOf(0)` and on, and the id of the first. */
export function placesOf(
  { folder, vocabulary }: Source,
  most: number,
  word: (at: number) => string,
): { first: number; count: number } {
  const first = vocabulary.idOf(word(0));
  if (first === undefined)
    throw new AppError(
      'model',
      `${join(folder, 'tokenizer.json')}: expected ${word(0)} among added_tokens. Get the file again.`,
    );
  let count = 1;
  while (count < most && vocabulary.idOf(word(count)) === first + count) count++;
  return { first, count };
}

type Own = Partial<LanguageFacts> & Pick<LanguageFacts, 'imageTokens' | 'context' | 'maxNewTokens'>;

/** What every family that writes says of its language side: how it decodes and where it ends, as the folder says. */
export function languageOf(source: Source, text: Settings, own: Own): LanguageFacts {
  const { config, generation } = source;
  const told = [generation, text, config];
  const number = (name: string): number | undefined =>
    told.map((settings) => settings.number(name)).find((value) => value !== undefined);
  const ends = endsOf(told) ?? [tokenId(source, 'eos_token')].filter((id) => id !== undefined);
  const [eos] = ends;
  if (eos === undefined) throw generation.wrong('eos_token_id', 'a number, or a list of numbers');
  return {
    ...tokenizerFiles,
    bos: number('bos_token_id') ?? tokenId(source, 'bos_token') ?? eos,
    eos: ends,
    pad: number('pad_token_id') ?? eos,
    captionPrompt: '',
    captionTemplate: '{prompt}',
    questionTemplate: '{question}',
    answerTemplate: ' {answer} ',
    repetitionPenalty: number('repetition_penalty') ?? 1,
    noRepeatNgram: number('no_repeat_ngram_size') ?? 0,
    captionDecoding: { beams: number('num_beams') ?? 1 },
    ...own,
    maxNewTokens: generation.number('max_new_tokens') ?? own.maxNewTokens,
  };
}

function endsOf(told: readonly Settings[]): number[] | undefined {
  for (const settings of told) {
    const value = settings.value('eos_token_id');
    const ids = (Array.isArray(value) ? value : [value]).filter((id) => typeof id === 'number');
    if (ids.length > 0) return ids;
  }
  return undefined;
}
