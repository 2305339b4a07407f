/**
 * One encoder over text and picture together, as ViLT: answers as classes with their probabilities, and how well a
 * text matches. Its picture comes as embedded patches, `positions` of `width` numbers. Its text comes as ids, or as
 * the states of the model's text encoder, as in BERT + CNN answerers.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import type { Answered, Generated, Model, Prompt, Turn } from '../model.ts';
import {
  closeParts,
  jsonFile,
  onnxFile,
  openParts,
  openTokenizer,
  readJson,
  readRows,
  tokenizerFiles,
  type Opening,
} from '../parts.ts';
import { surenessFacts } from '../prompt.ts';
import { logSoftmax } from '../sampling.ts';
import type { Session } from '../session.ts';
import { floats } from '../tensors.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { hasOneOf, weigh, weighedSchema } from '../weigh.ts';
import { sureness } from '../writer.ts';
import { textFeeds } from './dual-encoder.ts';

const fusionFacts = {
  ...tokenizerFiles,
  family: z.literal('fusion'),
  vision: onnxFile,
  /** Takes a text and the picture's patches; gives scores, [texts, scores]. */
  fusion: onnxFile,
  /** Reads the text's ids first, where `fusion` takes its output `text`, a state for each token. */
  text: onnxFile.optional(),
  outputs: z.strictObject({ states: z.string(), scores: z.string(), text: z.string().optional() }),
  positions: z.int().positive(),
  width: z.int().positive(),
  maxTokens: z.int().positive(),
  padId: z.int(),
};

export const fusionMatchSchema = z.strictObject(fusionFacts);
export const fusionAnswerSchema = z.strictObject({
  ...fusionFacts,
  /** A list of texts, one for each score. */
  answers: jsonFile,
  /** How an earlier turn stands before the question; without it a question is asked by itself. */
  turnTemplate: z.string().optional(),
  /**
   * Words by which a question means what an earlier one named ("it"), for a model that learnt from pairs of questions:
   * one with such a word is asked after the last turn without any, or after the last, and every other one by itself.
   */
  pronouns: z.array(z.string().min(1)).min(1).optional(),
  /**
   * How much of log p(answer | question alone) is taken from log p(answer | question after its turns), so that "it"
   * is what the turns say and not what is commonest; as classifier-free guidance does (Ho and Salimans 2022).
   */
  contrast: z.number().min(0).max(1).optional(),
  /** How the model's writer, if it has one, weighs the likeliest answers. */
  weighed: weighedSchema.optional(),
  sureness: surenessFacts.optional(),
});

export type FusionMatchManifest = z.infer<typeof fusionMatchSchema>;
export type FusionAnswerManifest = z.infer<typeof fusionAnswerSchema>;

/** Texts that look at a photo together. */
const textBatch = 16;
/** Answers that are shown beside the likeliest. */
const shownAnswers = 5;
/**
 * With a contrast only answers this close to the likeliest, in log probability, stay; and one further from the
 * likeliest without turns counts as if it were this far. Else answers of another sort, a colour for a doing, would win.
 */
const contrastReach = 4;

export type Answerer = Required<Pick<Model, 'answers' | 'generate' | 'close'>>;

/** Opens answers as classes, which the `writer` may weigh; captions are the writer's. Throws AppError('model'). */
export async function openAnswerer(
  opening: Opening,
  facts: FusionAnswerManifest,
  writer?: Partial<Pick<Model, 'generate' | 'score'>>,
): Promise<Answerer> {
  const path = join(opening.dir, facts.answers);
  const known = z
    .array(z.string())
    .min(1)
    .safeParse(await readJson(path));
  if (!known.success) throw new AppError('model', `${path} is not a list of answers: expected texts in [].`);
  const fusion = await openFusion(opening, facts);
  const answers: Among = async (prefix, text, alone = []) => {
    const scores = await fuse(fusion, prefix, [text, ...alone], known.data.length);
    return ranked(againstAlone(scores.map(logSoftmax), facts.contrast), known.data);
  };
  const choose = asText(answers, (prompt) => fitTurns(fusion, facts, prompt), facts, writer?.score);
  const generate: Answerer['generate'] = async (prefix, prompt, options) => {
    if (writer?.generate && prompt.question === undefined)
      return await writer.generate(prefix, prompt, options);
    const chosen = await choose(prefix, prompt, options?.signal);
    options?.onText?.(chosen.text);
    return chosen;
  };
  return { answers, generate, close: () => closeParts(fusion.sessions) };
}

/** A text's answers, likeliest first; `alone`: the question without its turns, for the contrast. */
type Among = (prefix: Float32Array, text: string, alone?: readonly string[]) => Promise<Answered[]>;

/** Likeliest first, of log probabilities. */
function ranked(logs: Float32Array, texts: readonly string[]): Answered[] {
  return texts
    .map((text, at) => ({ text, probability: Math.exp(logs[at] ?? -Infinity) }))
    .sort((a, b) => b.probability - a.probability);
}

/** Log probabilities after the turns less a share of those without any, brought to the sum of 1 again. */
function againstAlone(
  [logs = new Float32Array(), alone]: readonly Float32Array[],
  contrast = 0,
): Float32Array {
  if (!alone) return logs;
  const close = Math.max(...logs) - contrastReach;
  const unlikely = Math.max(...alone) - contrastReach;
  const less = (at: number): number => contrast * Math.max(alone[at] ?? 0, unlikely);
  return logSoftmax(logs.map((log, at) => (log < close ? -Infinity : log - less(at))));
}

/** The likeliest answer as a text, for whoever asks. */
function asText(
  answers: Among,
  fit: (prompt: Prompt) => Fitted,
  facts: FusionAnswerManifest,
  score: Model['score'],
): (prefix: Float32Array, prompt: Prompt, signal?: AbortSignal) => Promise<Generated> {
  return async (prefix, prompt, signal) => {
    if (!prompt.question?.trim())
      throw new AppError('bad-request', 'This model answers questions and writes no captions. Ask it one.');
    const { alone, ...fitted } = fit(prompt);
    let read = fitted;
    const own = await answers(prefix, fitted.sent, facts.contrast === undefined ? [] : alone);
    // The writer reads all turns: "how many are there?" may mean what an earlier one named, without saying so.
    const onPrompt = (sent: string, droppedTurns: number): void => void (read = { sent, droppedTurns });
    const asked = { prompt, onPrompt, ...(signal && { signal }) };
    const all = score && facts.weighed ? await weigh(score, prefix, own, facts.weighed, asked) : own;
    const [{ text, probability } = { text: '', probability: 0 }] = all;
    const told = { text, tokens: [], confidence: probability, ...read };
    const sure = facts.sureness && { sureness: sureness(probability, facts.sureness) };
    return {
      ...told,
      answers: all.slice(0, shownAnswers).filter((answer) => answer.probability > 0),
      ...sure,
    };
  };
}

interface Fitted {
  sent: string;
  droppedTurns: number;
  /** The question by itself, where turns are before it. */
  alone: string[];
}

/** The question after as many of the turns that it needs as there is room for, the last first. */
function fitTurns(
  { tokenizer }: Fusion,
  facts: FusionAnswerManifest,
  { question = '', history = [] }: Prompt,
): Fitted {
  const { turnTemplate, maxTokens } = facts;
  const fits = (text: string): boolean =>
    tokenizer.encode(text, { addSpecialTokens: true, plain: true }).length <= maxTokens;
  const needed = turnTemplate === undefined ? [] : neededTurns(facts.pronouns, question, history);
  let sent = question.trim();
  let kept = 0;
  for (const turn of needed.toReversed()) {
    const longer = asTurn(turnTemplate ?? '', turn) + sent;
    if (!fits(longer)) break;
    sent = longer;
    kept += 1;
  }
  const droppedTurns = (turnTemplate === undefined ? history : needed).length - kept;
  return { sent, droppedTurns, alone: kept > 0 ? [question.trim()] : [] };
}

/** All turns, or of a model with `pronouns` the one that says what is meant. */
function neededTurns(
  pronouns: readonly string[] | undefined,
  question: string,
  history: readonly Turn[],
): readonly Turn[] {
  if (!pronouns) return history;
  const refers = (text: string): boolean => hasOneOf(text, pronouns);
  if (!refers(question)) return [];
  const naming = history.findLast((turn) => !refers(turn.question)) ?? history.at(-1);
  return naming ? [naming] : [];
}

function asTurn(template: string, { question, answer }: Turn): string {
  // Functions as replacements, since `$&` in a text is no pattern.
  return template.replace('{question}', () => question.trim()).replace('{answer}', () => answer.trim());
}

export type Matcher = Required<Pick<Model, 'match' | 'close'>>;

/** Opens image-text matching: the logistic function of the one score. Throws AppError('model'). */
export async function openFusionMatcher(opening: Opening, facts: FusionMatchManifest): Promise<Matcher> {
  const fusion = await openFusion(opening, facts);
  return {
    async match(prefix, texts) {
      const scores = await fuse(fusion, prefix, texts, 1);
      return scores.map(([score = 0]) => ({ itm: 1 / (1 + Math.exp(-score)) }));
    },
    close: () => closeParts(fusion.sessions),
  };
}

interface Fusion {
  sessions: { fusion: Session; text?: Session };
  facts: FusionMatchManifest | FusionAnswerManifest;
  tokenizer: Tokenizer;
}

async function openFusion(opening: Opening, facts: Fusion['facts']): Promise<Fusion> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const { fusion, text } = facts;
  const sessions = await openParts(opening, { fusion, ...(text !== undefined && { text }) });
  return { sessions, facts, tokenizer };
}

/** The scores of each text with the photo, `width` of them; shorter texts are filled up and masked. */
async function fuse(
  { sessions: { fusion, text }, facts, tokenizer }: Fusion,
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
  const ids = texts.map((one) => tokenizer.encode(one, { addSpecialTokens: true, plain: true, maxTokens }));
  const photo = {
    image_embeds: floats(prefix, [1, positions, facts.width], fusion.inputs.get('image_embeds')),
  };
  const found: Float32Array[] = [];
  for (let at = 0; at < ids.length; at += textBatch) {
    const batch = ids.slice(at, at + textBatch);
    const feeds = { ...textFeeds(fusion, facts, batch), ...photo };
    const read = text && (await text.run(textFeeds(text, facts, batch), [outputs.text ?? '']));
    const { [outputs.scores]: scores } = await fusion.run({ ...feeds, ...read }, [outputs.scores]);
    for (const tensor of Object.values(read ?? {})) tensor.dispose();
    found.push(...readRows(scores, outputs.scores, { rows: batch.length, width }));
  }
  return found;
}
