/**
 * Prompts by the manifest's templates, cut to the model's context.
 *
 * [Note: templates] A person's text may hold `{question}` or `$&`. Templates are filled in one pass with a
 * function as replacement, so that what is put in is never read as a template again.
 */
import { z } from 'zod';
import { AppError } from '../../shared/errors.ts';
import { locationsSchema } from './boxes.ts';
import type { Prompt, Turn } from './model.ts';
import { tokenizerFiles } from './parts.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * How sure the model is of an answer, fitted on held-out questions (Platt 1999): it is right with probability
 * 1 / (1 + e^-(scale * logit(confidence) + bias)), and unsure below `least`. Absent: not measured.
 */
export const surenessFacts = z.strictObject({
  scale: z.number().positive(),
  bias: z.number(),
  least: z.number().min(0).max(1),
});

/** Captions are chosen among several, where the model can compare texts with photos: see candidates.ts. */
const candidateSchema = z.strictObject({
  /** How many are drawn at random, beside the greedy one. */
  count: z.int().positive(),
  temperature: z.number().positive(),
  /** What the mean log probability of a caption's tokens counts beside its cosine with the photo. */
  likelihood: z.number().min(0),
  /** What its agreement with the others counts. */
  agreement: z.number().min(0),
});

export type CandidateFacts = z.infer<typeof candidateSchema>;

/** What every family that writes says of its language side in the manifest; a family adds its own to these. */
export const languageFacts = {
  ...tokenizerFiles,
  /**
   * Positions of the decoder's context that a photo takes, or each cell of one in a grid; 0 where it is read by
   * cross-attention.
   */
  imageTokens: z.int().min(0),
  /** Positions the decoder was made for, image tokens included. */
  context: z.int().positive(),
  bos: z.int(),
  /** Ids that begin and end the prompt; `bos` and nothing by default. T5 ends what its encoder reads. */
  promptMarks: z.strictObject({ start: z.array(z.int()), end: z.array(z.int()) }).optional(),
  /** What stands around the photo, before everything else; by default the photo alone, ahead of the marks. */
  imageTemplate: z
    .string()
    .regex(/\{image\}/)
    .optional(),
  eos: z.array(z.int()).min(1),
  pad: z.int(),
  /** What the model was trained for; the first three by default. `language`: to answer from words alone. */
  tasks: z.array(z.enum(['caption', 'ask', 'chat', 'language'])).optional(),
  captionPrompt: z.string(),
  /** What a person gives before a caption: its beginning (default), or a task such as "caption de". */
  captionStart: z.enum(['words', 'task']).optional(),
  /** The words that short names of tasks stand for, such as `<OD>`; `{input}` is what a person writes beside the name. */
  taskPrompts: z.record(z.string().min(1), z.string()).optional(),
  captionTemplate: z.string(),
  questionTemplate: z.string(),
  answerTemplate: z.string(),
  maxNewTokens: z.int().positive(),
  /** Of a model that writes where things are. */
  locations: locationsSchema.optional(),
  /** Texts that end an answer, such as what opens the person's next turn. */
  stop: z.array(z.string().min(1)).optional(),
  repetitionPenalty: z.number().positive(),
  noRepeatNgram: z.int().min(0),
  captionDecoding: z.strictObject({ beams: z.int().min(1), candidates: candidateSchema.optional() }),
  sureness: surenessFacts.optional(),
};

export type LanguageFacts = z.infer<z.ZodObject<typeof languageFacts>>;

export interface Rendered {
  /** The text as it goes to the model beside the picture. */
  text: string;
  /** Its tokens, with the marks around it and without any that stands for the photo. */
  ids: number[];
  /** How many of them come before the photo's positions. */
  imageAt: number;
  /** For a photo that is written in parts with words between them: where each is. */
  runs?: readonly ImageRun[];
}

/** `count` of the photo's positions in a row, before the token `at`. */
export interface ImageRun {
  at: number;
  count: number;
}

/** Positions of the context that a prompt and its photo take. */
function positionsOf({ imageTokens }: LanguageFacts, { ids, runs }: Rendered): number {
  return ids.length + (runs?.reduce((sum, { count }) => sum + count, 0) ?? imageTokens);
}

/** A prompt after some turns, in the form that the model was trained on. */
export type Render = (prompt: Prompt, turns: readonly Turn[]) => Rendered;

export interface FittedPrompt extends Rendered {
  /** Whole turns left out, oldest first. */
  droppedTurns: number;
}

export function fill(
  template: string,
  values: Readonly<Partial<Record<'prompt' | 'question' | 'answer', string>>>,
): string {
  return template.replace(
    /\{(prompt|question|answer)\}/g,
    (_, name: 'prompt' | 'question' | 'answer') => values[name] ?? '',
  );
}

/** One text by the manifest's templates, all of it encoded as plain text. */
export function plainRender(facts: LanguageFacts, tokenizer: Tokenizer): Render {
  return (prompt, turns) => encode(facts, tokenizer, renderText(facts, prompt, turns));
}

function renderText(generate: LanguageFacts, prompt: Prompt, turns: readonly Turn[]): string {
  if (prompt.question === undefined) {
    const start = prompt.caption?.trim();
    const asked = start === undefined || start === '' ? generate.captionPrompt : start;
    return fill(generate.captionTemplate, { prompt: taskPrompt(generate, asked) });
  }
  const past = turns.map(
    ({ question, answer }) =>
      fill(generate.questionTemplate, { question: question.trim() }) +
      fill(generate.answerTemplate, { answer: answer.trim() }),
  );
  return past.join('') + fill(generate.questionTemplate, { question: prompt.question.trim() });
}

/** A task's words where the text has its name. */
function taskPrompt({ taskPrompts = {} }: LanguageFacts, text: string): string {
  const [name, words] = Object.entries(taskPrompts).find(([task]) => text.includes(task)) ?? [];
  if (name === undefined || words === undefined) return text;
  return words.replace('{input}', () => text.replace(name, '').trim());
}

/**
 * The prompt with as many of the latest turns as fit beside the image tokens and `maxNewTokens`.
 * Throws AppError('bad-request') when the question, or the start of a caption, is too long by itself.
 */
export function fitPrompt(
  generate: LanguageFacts,
  tokenizer: Tokenizer,
  prompt: Prompt,
  maxNewTokens: number,
  render: Render = plainRender(generate, tokenizer),
): FittedPrompt {
  const history = prompt.history ?? [];
  const room = generate.context - maxNewTokens;
  const attempt = (kept: number): FittedPrompt => {
    const rendered = render(prompt, history.slice(history.length - kept));
    return { ...rendered, droppedTurns: history.length - kept };
  };
  let fitted = attempt(0);
  const taken = positionsOf(generate, fitted);
  if (taken > room) throw tooLong(prompt, taken - room, tokenizer);
  for (let kept = 1; kept <= history.length; kept++) {
    const longer = attempt(kept);
    if (positionsOf(generate, longer) > room) break;
    fitted = longer;
  }
  return fitted;
}

/** The text's tokens between the prompt's marks, and where among them the photo is. */
function encode(generate: LanguageFacts, tokenizer: Tokenizer, text: string): Rendered {
  const { start, end } = generate.promptMarks ?? { start: [generate.bos], end: [] };
  const idsOf = (part: string): number[] => tokenizer.encode(part, { addSpecialTokens: false, plain: true });
  if (generate.imageTemplate === undefined)
    return { text, ids: [...start, ...idsOf(text), ...end], imageAt: 0 };
  const [before = '', after = ''] = generate.imageTemplate.split('{image}');
  const head = [...start, ...(before === '' ? [] : idsOf(before))];
  return {
    text: before + after + text,
    ids: [...head, ...idsOf(after + text), ...end],
    imageAt: head.length,
  };
}

/** `over` positions are too many. */
function tooLong(prompt: Prompt, over: number, tokenizer: Tokenizer): AppError {
  const written = (prompt.question ?? prompt.caption ?? '').trim();
  const own = tokenizer.encode(written, { addSpecialTokens: false, plain: true }).length;
  const fits = Math.max(0, own - over);
  const what = prompt.question === undefined ? 'start of the caption' : 'question';
  return new AppError('bad-request', `The ${what} has ${own} tokens and ${fits} fit. Write a shorter one.`);
}
