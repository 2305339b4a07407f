/**
 * One encoder over text and picture together, as ViLT: answers as classes with their probabilities, and how well a
 * text matches. Its picture comes as embedded patches, `positions` of `width` numbers.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import type { Answered, Generated, Model } from '../model.ts';
import {
  jsonFile,
  onnxFile,
  openPart,
  openTokenizer,
  readJson,
  readRows,
  tokenizerFiles,
  type Opening,
} from '../parts.ts';
import { logSoftmax } from '../sampling.ts';
import type { Session } from '../session.ts';
import { floats } from '../tensors.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { textFeeds } from './dual-encoder.ts';

const fusionFacts = {
  ...tokenizerFiles,
  family: z.literal('fusion'),
  vision: onnxFile,
  /** Takes a text and the picture's patches; gives scores, [texts, scores]. */
  fusion: onnxFile,
  outputs: z.strictObject({ states: z.string(), scores: z.string() }),
  positions: z.int().positive(),
  width: z.int().positive(),
  maxTokens: z.int().positive(),
  padId: z.int(),
};

export const fusionMatchSchema = z.strictObject(fusionFacts);
/** `answers` is a list of texts, one for each score. */
export const fusionAnswerSchema = z.strictObject({ ...fusionFacts, answers: jsonFile });

export type FusionMatchManifest = z.infer<typeof fusionMatchSchema>;
export type FusionAnswerManifest = z.infer<typeof fusionAnswerSchema>;

/** Texts that look at a photo together. */
const textBatch = 16;
/** Answers that are shown beside the likeliest. */
const shownAnswers = 5;

export type Answerer = Required<Pick<Model, 'answers' | 'generate' | 'close'>>;

/** Opens answers as classes. Throws AppError('model'). */
export async function openAnswerer(opening: Opening, facts: FusionAnswerManifest): Promise<Answerer> {
  const path = join(opening.dir, facts.answers);
  const known = z
    .array(z.string())
    .min(1)
    .safeParse(await readJson(path));
  if (!known.success) throw new AppError('model', `${path} is not a list of answers: expected texts in [].`);
  const tokenizer = await openTokenizer(opening.dir, facts);
  const session = await openPart(opening, facts.fusion);
  const answers = async (prefix: Float32Array, question: string): Promise<Answered[]> => {
    const [scores] = await fuse({ session, facts, tokenizer }, prefix, [question], known.data.length);
    return ranked(scores ?? new Float32Array(), known.data);
  };
  return { answers, generate: asText(answers), close: () => session.close() };
}

function ranked(scores: Float32Array, texts: readonly string[]): Answered[] {
  const logs = logSoftmax(scores);
  return texts
    .map((text, at) => ({ text, probability: Math.exp(logs[at] ?? -Infinity) }))
    .sort((a, b) => b.probability - a.probability);
}

/** The likeliest answer as a text, for whoever asks; earlier turns are left out, which such a model has no use for. */
function asText(answers: Answerer['answers']): Answerer['generate'] {
  return async (prefix, { question, history = [] }, { onText } = {}): Promise<Generated> => {
    const asked = question?.trim() ?? '';
    if (asked === '')
      throw new AppError('bad-request', 'This model answers questions and writes no captions. Ask it one.');
    const all = await answers(prefix, asked);
    const [{ text, probability } = { text: '', probability: 0 }] = all;
    onText?.(text);
    const told = { text, tokens: [], confidence: probability, sent: asked, droppedTurns: history.length };
    return { ...told, answers: all.slice(0, shownAnswers) };
  };
}

export type Matcher = Required<Pick<Model, 'match' | 'close'>>;

/** Opens image-text matching: the logistic function of the one score. Throws AppError('model'). */
export async function openFusionMatcher(opening: Opening, facts: FusionMatchManifest): Promise<Matcher> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const session = await openPart(opening, facts.fusion);
  return {
    async match(prefix, texts) {
      const scores = await fuse({ session, facts, tokenizer }, prefix, texts, 1);
      return scores.map(([score = 0]) => ({ itm: 1 / (1 + Math.exp(-score)) }));
    },
    close: () => session.close(),
  };
}

interface Fusion {
  session: Session;
  facts: FusionMatchManifest | FusionAnswerManifest;
  tokenizer: Tokenizer;
}

/** The scores of each text with the photo, `width` of them; shorter texts are filled up and masked. */
async function fuse(
  { session, facts, tokenizer }: Fusion,
  prefix: Float32Array,
  texts: readonly string[],
  width: number,
): Promise<Float32Array[]> {
  const { positions, outputs, maxTokens } = facts;
  if (prefix.length !== positions * facts.width)
    throw new AppError(
      'internal',
      `A photo has ${prefix.length} numbers, not ${positions} x ${facts.width}.`,
    );
  const ids = texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true, plain: true, maxTokens }));
  const found: Float32Array[] = [];
  for (let at = 0; at < ids.length; at += textBatch) {
    const batch = ids.slice(at, at + textBatch);
    const states = floats(prefix, [1, positions, facts.width], session.inputs.get('image_embeds'));
    const feeds = { ...textFeeds(session, facts, batch), image_embeds: states };
    const { [outputs.scores]: scores } = await session.run(feeds, [outputs.scores]);
    found.push(...readRows(scores, outputs.scores, { rows: batch.length, width }));
  }
  return found;
}
