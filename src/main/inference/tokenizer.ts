/**
 * Text to token ids and back, with user text kept apart from control tokens.
 *
 * [Note: user text is text] A person may type `[SEP]` or `<image>`. A second tokenizer, in which every special
 * token has a secret name, drawn anew in each process, encodes what people write, so that no text can become a
 * control token. Those that a chat template writes get their secret names before the text goes in.
 */
import { randomUUID } from 'node:crypto';
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

/** A piece of a prompt: what the program wrote may name control tokens, what a person wrote is plain text. */
export interface Piece {
  text: string;
  plain: boolean;
}

export interface Tokenizer {
  encode(text: string, options: EncodeOptions): number[];
  /** Ids of the pieces as one text, with the tokenizer's own marks around it unless it begins with them itself. */
  encodePieces(pieces: readonly Piece[]): number[];
  /** Text of the ids without special tokens. Bytes cut inside a character show as U+FFFD at the end. */
  decode(ids: readonly number[]): string;
}

/** Makes a tokenizer of the parsed `tokenizer.json` and `tokenizer_config.json`. Throws AppError('model'). */
export function loadTokenizer(tokenizerJson: unknown, configJson: unknown): Tokenizer {
  try {
    const file = tokenizerSchema.parse(tokenizerJson);
    const config = configSchema.parse(configJson);
    const full = new HuggingFaceTokenizer(file, config);
    const names = secretNames(file);
    const plain = new HuggingFaceTokenizer(withSecretNames(file, names), config);
    const cleanUp = config.clean_up_tokenization_spaces ?? false;
    const marks = findMarks(full);
    const encode = makeEncode({ full, plain, marks }, correction(file.normalizer));
    return {
      encode,
      encodePieces: makeEncodePieces(encode, names, marks.before[0]),
      decode: makeDecode(full, cleanUp),
    };
  } catch (error) {
    throw new AppError('model', `The model's tokenizer cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

interface Encoders {
  full: HuggingFaceTokenizer;
  plain: HuggingFaceTokenizer;
  marks: Marks;
}

function makeEncode(
  { full, plain, marks }: Encoders,
  correct: (text: string) => string,
): Tokenizer['encode'] {
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

/** For private use, so that no vocabulary has it. */
const unknownCharacter = '\u{F0001}';

/**
 * What the library does otherwise than the reference (Rust): it lowers a last capital sigma to its final form,
 * leaves rare Chinese characters joined to their neighbours, and makes blanks of the joiners inside emoji where
 * SentencePiece keeps them. Found by fuzzing; test/parity has the cases.
 */
function correction(normalizer: unknown): (text: string) => string {
  const rules = JSON.stringify(normalizer ?? null);
  const lowers = rules.includes('"lowercase":true') || rules.includes('"Lowercase"');
  const splitsChinese = rules.includes('"handle_chinese_chars":true');
  const keepsJoiners = rules.includes('"Precompiled"');
  return (text) => {
    const lowered = lowers ? text.replaceAll('Σ', 'σ') : text;
    if (keepsJoiners) return lowered.replace(/[\u200C\u200D]/g, unknownCharacter);
    return splitsChinese ? lowered.replace(rareChinese, ' $& ') : lowered;
  };
}

/** The ids that the tokenizer puts before and after one text. */
interface Marks {
  before: number[];
  after: number[];
}

function findMarks(tokenizer: HuggingFaceTokenizer): Marks {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const marked = tokenizer.encode('a', { add_special_tokens: true }).ids;
  const start = marked.findIndex((_, at) => bare.every((id, i) => marked[at + i] === id));
  return { before: marked.slice(0, start), after: marked.slice(start + bare.length) };
}

/** See [Note: user text is text]. The longest first, so that one which holds another is found whole. */
function secretNames(file: TokenizerFile): Map<string, string> {
  const secret = randomUUID();
  const special = file.added_tokens.filter((token) => token.special).map((token) => token.content);
  const byLength = special.sort((a, b) => b.length - a.length);
  return new Map(byLength.map((content, at) => [content, `\u{F0000}${secret} ${at}\u{F0000}`]));
}

/**
 * The same tokenizer in which special tokens have their secret names, as added tokens and, where some models
 * would still find them, as words of the vocabulary. Ordinary added tokens stay, and so does the unknown token.
 */
function withSecretNames(file: TokenizerFile, names: ReadonlyMap<string, string>): TokenizerFile {
  const unknown = file.model.unk_token;
  const nameOf = (token: string): string => (token === unknown ? token : (names.get(token) ?? token));
  const vocab = Array.isArray(file.model.vocab)
    ? file.model.vocab.map(([token, score]): [string, number] => [nameOf(token), score])
    : Object.fromEntries(Object.entries(file.model.vocab).map(([token, id]) => [nameOf(token), id]));
  const added = file.added_tokens.map((token) =>
    token.special ? { ...token, content: names.get(token.content) ?? '', normalized: false } : token,
  );
  return { ...file, added_tokens: added, model: { ...file.model, vocab } };
}

function makeEncodePieces(
  encode: Tokenizer['encode'],
  names: ReadonlyMap<string, string>,
  start: number | undefined,
): Tokenizer['encodePieces'] {
  const pattern = [...names.keys()].map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
  const control = new RegExp(pattern === '' ? '(?!)' : pattern, 'g');
  const rename = (text: string): string => text.replace(control, (name) => names.get(name) ?? name);
  return (pieces) => {
    const text = pieces.map((piece) => (piece.plain ? piece.text : rename(piece.text))).join('');
    const bare = encode(text, { addSpecialTokens: false, plain: true });
    // As transformers has it: a template that writes the mark of the beginning gets no second one.
    const marked = start !== undefined && bare[0] === start;
    return marked ? bare : encode(text, { addSpecialTokens: true, plain: true });
  };
}
