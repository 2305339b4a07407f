/**
 * Text to token ids and back, with user text kept apart from control tokens.
 *
 * [Note: user text is text] A person may type `[SEP]` or `<image>`. A second tokenizer without any special
 * token encodes what people write, so that no text can become a control token; the control tokens around it
 * are added as ids, by the program alone.
 */
import * as library from '@huggingface/tokenizers';
import { z } from 'zod';
import { AppError, reasonOf } from '../../shared/errors.ts';

interface HuggingFaceTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
}

/** The package's own types import without extensions, which this module resolution cannot follow. */
const { Tokenizer: HuggingFaceTokenizer } = library as unknown as {
  Tokenizer: new (file: object, config: object) => HuggingFaceTokenizer;
};

const addedToken = z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() });

const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: z.unknown(),
  model: z.looseObject({
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.tuple([z.string(), z.number()]))]),
    unk_token: z.string().nullish(),
  }),
});

const configSchema = z.looseObject({ clean_up_tokenization_spaces: z.boolean().nullish() });

type TokenizerFile = z.infer<typeof tokenizerSchema>;

export interface EncodeOptions {
  /** Put the tokenizer's own marks around the text, such as `[CLS]` and `[SEP]`. */
  addSpecialTokens: boolean;
  /** Marks typed inside the text are ordinary characters: for anything that a person or a file wrote. */
  plain: boolean;
  /** Cuts the text's end, never the marks around it, so that at most this many ids come out. */
  maxTokens?: number;
}

export interface Tokenizer {
  encode(text: string, options: EncodeOptions): number[];
  /** Text of the ids without special tokens. Bytes cut inside a character show as U+FFFD at the end. */
  decode(ids: readonly number[]): string;
}

/** Makes a tokenizer of the parsed `tokenizer.json` and `tokenizer_config.json`. Throws AppError('model'). */
export function loadTokenizer(tokenizerJson: unknown, configJson: unknown): Tokenizer {
  try {
    const file = tokenizerSchema.parse(tokenizerJson);
    const config = configSchema.parse(configJson);
    const full = new HuggingFaceTokenizer(file, config);
    const plain = new HuggingFaceTokenizer(withoutSpecial(file), config);
    const cleanUp = config.clean_up_tokenization_spaces ?? false;
    return {
      encode: makeEncode(full, plain, correction(file.normalizer)),
      decode: makeDecode(full, cleanUp),
    };
  } catch (error) {
    throw new AppError('model', `The model's tokenizer cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function makeEncode(
  full: HuggingFaceTokenizer,
  plain: HuggingFaceTokenizer,
  correct: (text: string) => string,
): Tokenizer['encode'] {
  const marks = findMarks(full);
  return (text, options) => {
    const tokenizer = options.plain ? plain : full;
    const { ids } = tokenizer.encode(correct(text), { add_special_tokens: false });
    const { before, after } = options.addSpecialTokens ? marks : { before: [], after: [] };
    const room = (options.maxTokens ?? Infinity) - before.length - after.length;
    return [...before, ...ids.slice(0, Math.max(0, room)), ...after];
  };
}

function makeDecode(full: HuggingFaceTokenizer, cleanUp: boolean): Tokenizer['decode'] {
  const options = { skip_special_tokens: true, clean_up_tokenization_spaces: cleanUp };
  return (ids) => (ids.length === 0 ? '' : full.decode([...ids], options));
}

/** Chinese characters outside the first plane, which the library does not see as characters of their own. */
const rareChinese = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * What the library does otherwise than the reference (Rust): it lowers a last capital sigma to its final form,
 * and leaves rare Chinese characters joined to their neighbours. Found by fuzzing; test/parity has the cases.
 */
function correction(normalizer: unknown): (text: string) => string {
  const rules = JSON.stringify(normalizer ?? null);
  const lowers = rules.includes('"lowercase":true') || rules.includes('"Lowercase"');
  const splitsChinese = rules.includes('"handle_chinese_chars":true');
  return (text) => {
    const lowered = lowers ? text.replaceAll('Σ', 'σ') : text;
    return splitsChinese ? lowered.replace(rareChinese, ' $& ') : lowered;
  };
}

/** The ids that the tokenizer puts before and after one text. */
function findMarks(tokenizer: HuggingFaceTokenizer): { before: number[]; after: number[] } {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const marked = tokenizer.encode('a', { add_special_tokens: true }).ids;
  const start = marked.findIndex((_, at) => bare.every((id, i) => marked[at + i] === id));
  return { before: marked.slice(0, start), after: marked.slice(start + bare.length) };
}

/**
 * The same tokenizer without its special tokens, neither as added tokens nor as words of the vocabulary,
 * where some models would still find them. Ordinary added tokens stay, and so does the unknown token.
 */
function withoutSpecial(file: TokenizerFile): TokenizerFile {
  const special = new Set(file.added_tokens.filter((token) => token.special).map((token) => token.content));
  const unknown = file.model.unk_token;
  if (typeof unknown === 'string') special.delete(unknown);
  const vocab = Array.isArray(file.model.vocab)
    ? // Ids are positions here, so the place is kept under a name that no text has.
      file.model.vocab.map((entry, id) => (special.has(entry[0]) ? unreachable(id, entry[1]) : entry))
    : Object.fromEntries(Object.entries(file.model.vocab).filter(([token]) => !special.has(token)));
  const kept = file.added_tokens.filter((token) => !token.special);
  return { ...file, added_tokens: kept, model: { ...file.model, vocab } };
}

function unreachable(id: number, score: number): [string, number] {
  return [`\u{F0000}${id}\u{F0000}`, score];
}
