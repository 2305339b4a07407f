/** Captions and answers from any family's decoder: prompt, search, streaming, and the text of the new tokens. */
import type { Sureness } from '../../shared/contract.ts';
import { beamSearch, type BeamDecoding } from './beam.ts';
import { readBoxes, wordsOf } from './boxes.ts';
import { confidence, decodeRows, spread, type Decoder, type Sequence } from './generate.ts';
import { scoreTexts } from './likelihood.ts';
import type { GenerateOptions, Generated, Model, Prompt } from './model.ts';
import { fitPrompt, type FittedPrompt, type LanguageFacts, type Render } from './prompt.ts';
import type { Rules } from './sampling.ts';
import { openTextStream, type TextStream } from './streaming.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What a family provides to be written with. */
export interface Language<Cache> {
  facts: LanguageFacts;
  tokenizer: Tokenizer;
  /** Whether new tokens go on after the prompt's own, as in a decoder-only model; T5 begins anew. */
  continues: boolean;
  /** How a prompt becomes text and ids; by the manifest's templates by default. */
  render?: Render;
  /** The same where it depends on the photo's grid. Photos then take different numbers of positions. */
  renderFor?: (prefix: Float32Array) => Render;
  /** A decoder with one row for each photo's prefix, all with the same prompt. */
  decoder(prefixes: readonly Float32Array[], fitted: FittedPrompt, prompt: Prompt): Decoder<Cache>;
  /** The same over the prompt alone, for the prior; missing where every word attends to a photo. */
  blind?(fitted: FittedPrompt): Decoder<Cache>;
}

export type Writer = Required<Pick<Model, 'generate' | 'generateBatch' | 'score'>>;

/** The members of a model that write, and judge what is written. */
export function writerOf<Cache>(language: Language<Cache>): Writer {
  return {
    async generate(prefix, prompt, options = {}) {
      const [text] = await write(language, [prefix], prompt, options);
      if (!text) throw new Error('One prefix gave no text.');
      return text;
    },
    async generateBatch(prefixes, prompt, options = {}) {
      const quiet = withoutText(options);
      const together = beamsFor(language.facts, prompt, options) === 1 && !language.renderFor;
      if (together) return write(language, prefixes, prompt, quiet);
      const texts: Generated[] = [];
      for (const [row, prefix] of prefixes.entries())
        texts.push(...(await write(language, [prefix], prompt, ofRow(quiet, row))));
      return texts;
    },
    score: (prefix, texts, options = {}) => scoreTexts(language, prefix, texts, options),
  };
}

/** The same without a listener: of several texts at once, none is streamed. */
export function withoutText(options: GenerateOptions): GenerateOptions {
  const quiet = { ...options };
  delete quiet.onText;
  return quiet;
}

/** What a row of several is drawn by, when it is written by itself. */
function ofRow(options: GenerateOptions, row: number): GenerateOptions {
  const { sampling } = options;
  if (!sampling?.seeds) return options;
  return { ...options, sampling: { ...sampling, seeds: sampling.seeds.slice(row, row + 1) } };
}

function beamsFor(facts: LanguageFacts, prompt: Prompt, options: GenerateOptions): number {
  return options.beams ?? (prompt.question === undefined ? facts.captionDecoding.beams : 1);
}

/** The same prompt after each prefix: all rows together when greedy; beams take one prefix. */
async function write<Cache>(
  language: Language<Cache>,
  prefixes: readonly Float32Array[],
  prompt: Prompt,
  options: GenerateOptions,
): Promise<Generated[]> {
  const [first] = prefixes;
  if (!first) return [];
  const { facts, tokenizer } = language;
  const maxNewTokens = options.maxNewTokens ?? facts.maxNewTokens;
  const fitted = fitPrompt(facts, tokenizer, prompt, maxNewTokens, renderOf(language, first));
  const textOf = textReader(language, prompt, fitted.ids);
  const stop = [...(facts.stop ?? []), ...(options.stop ?? [])];
  const streams = prefixes.map(() => openTextStream({ textOf, stop, onText: options.onText }));
  const photos = [...new Set(prefixes)];
  const rows = prefixes.map((prefix) => photos.indexOf(prefix));
  const decoder = spread(language.decoder(photos, fitted, prompt), rows);
  const sequences = await search(decoder, streams, {
    ...rulesOf(facts),
    maxNewTokens,
    beams: beamsFor(facts, prompt, options),
    lengthPenalty: 1,
    signal: options.signal,
    ...(options.sampling && { sampling: options.sampling }),
  });
  const asked = prompt.question !== undefined;
  const decode = (ids: readonly number[]): string => tokenizer.decode(ids);
  return sequences.map((sequence, row) => ({
    text: streams[row]?.finish(sequence.tokens) ?? '',
    tokens: sequence.tokens,
    confidence: confidence(sequence),
    sent: fitted.text,
    droppedTurns: fitted.droppedTurns,
    ...(asked && facts.sureness && { sureness: sureness(confidence(sequence), facts.sureness) }),
    ...(facts.locations && { boxes: readBoxes(facts.locations, sequence.tokens, decode) }),
  }));
}

/** How likely an answer of this confidence is right, as the manifest says. */
export function sureness(
  given: number,
  { scale, bias, least }: NonNullable<LanguageFacts['sureness']>,
): Sureness {
  // Away from 0 and 1, whose logit has no end.
  const p = Math.min(Math.max(given, 1e-6), 1 - 1e-6);
  const probability = 1 / (1 + Math.exp(-(scale * Math.log(p / (1 - p)) + bias)));
  return { probability, sure: probability >= least };
}

/** How a prompt about this photo becomes text and ids. */
export function renderOf<Cache>(
  { render, renderFor }: Language<Cache>,
  prefix: Float32Array,
): Render | undefined {
  return renderFor?.(prefix) ?? render;
}

function rulesOf(facts: LanguageFacts): Rules {
  const { repetitionPenalty, noRepeatNgram, eos } = facts;
  return { repetitionPenalty, noRepeatNgram, minNewTokens: 0, stopIds: eos };
}

/** Greedy text is streamed; of beams, only the winner can be shown, at the end. */
async function search<Cache>(
  decoder: Decoder<Cache>,
  streams: readonly TextStream[],
  decoding: BeamDecoding,
): Promise<Sequence[]> {
  if (decoding.beams > 1) {
    const watch = (row: number, tokens: readonly number[]): boolean => streams[row]?.stopped(tokens) ?? false;
    return [await beamSearch(decoder, { ...decoding, watch })];
  }
  return decodeRows(decoder, { ...decoding, watch: (row, tokens) => streams[row]?.push(tokens) ?? false });
}

/**
 * How new tokens read after the prompt: a caption that a person began is shown whole, anything else without
 * its prompt. Decoded together with the prompt, so that a token which goes on a word joins it.
 */
function textReader<Cache>(
  { facts, tokenizer, continues }: Language<Cache>,
  prompt: Prompt,
  ids: readonly number[],
): (tokens: readonly number[]) => string {
  const { locations } = facts;
  if (locations) return (tokens) => wordsOf(locations, tokens, (some) => tokenizer.decode(some)).trimStart();
  if (!continues) return (tokens) => tokenizer.decode(tokens).trimStart();
  const head = tokenizer.decode(ids);
  const begun = prompt.question === undefined && facts.captionStart !== 'task';
  const start = begun ? (prompt.caption?.trim() ?? '') : '';
  return (tokens) => {
    const whole = tokenizer.decode([...ids, ...tokens]);
    const rest = whole.startsWith(head) ? whole.slice(head.length) : tokenizer.decode(tokens);
    return start === '' ? rest.trimStart() : start + rest;
  };
}
