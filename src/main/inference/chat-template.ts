/**
 * Conversations in the form that a chat model was trained on, by the template that came with it.
 *
 * [Note: template and text] The template is rendered with marks in place of what a person or the model wrote, and
 * these texts are put in afterwards: only control tokens that the template itself wrote count as such.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { AppError, reasonOf } from '../../shared/errors.ts';
import type { Grid } from './grid.ts';
import type { Prompt, Turn } from './model.ts';
import { readJson } from './parts.ts';
import { fill, type ImageRun, type LanguageFacts, type Rendered } from './prompt.ts';
import type { Piece, Tokenizer } from './tokenizer.ts';

/** What the manifest says of a chat model. Its `*Template`s give what a message says, such as `{question}`. */
export interface ChatFacts extends LanguageFacts {
  chatTemplate: string;
  /** The token in whose place the picture comes, as the template writes it. */
  imageToken: string;
  photoText?: PhotoText | undefined;
}

/** How a photo in a grid is written where the template has its token; `{image}` is one cell's tokens. */
export const photoTextSchema = z.strictObject({
  /** Each cell, with `{row}` and `{column}` from 1. */
  cell: z.string().includes('{image}'),
  rowEnd: z.string(),
  /** After all rows: the whole, where the model also sees that. */
  end: z.string(),
  /** Instead of all this, for a photo that is one cell. */
  single: z.string().includes('{image}').optional(),
});

type PhotoText = z.infer<typeof photoTextSchema>;

function writePhoto(text: PhotoText, { rows, columns }: Grid, image: string): string {
  const filled = (template: string, row = 0, column = 0): string =>
    template.replace(/\{(row|column|image)\}/g, (_, name: string) =>
      name === 'image' ? image : String(name === 'row' ? row + 1 : column + 1),
    );
  if (rows * columns === 0) return filled(text.single ?? text.end);
  const written = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => filled(text.cell, row, column)).join(''),
  );
  return written.map((row) => row + text.rowEnd).join('') + filled(text.end);
}

const token = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const configSchema = z.looseObject({ bos_token: token, eos_token: token });
const templateSchema = z.looseObject({ chat_template: z.string() });

/** A prompt about a photo of this grid; a grid is only needed where the manifest has `photoText`. */
export type RenderPhoto = (prompt: Prompt, turns: readonly Turn[], grid?: Grid) => Rendered;

/** Opens the model's chat template. Throws AppError('model') where it cannot be read. */
export async function openChat(dir: string, facts: ChatFacts, tokenizer: Tokenizer): Promise<RenderPhoto> {
  const path = join(dir, facts.chatTemplate);
  const { bos_token, eos_token } = configSchema.parse(await readJson(join(dir, facts.tokenizerConfig)));
  const [picture, ...rest] = tokenizer.encode(facts.imageToken, { addSpecialTokens: false, plain: false });
  const template = await readTemplate(path);
  if (picture === undefined || rest.length > 0)
    throw new AppError('model', `${path}: "${facts.imageToken}" is not one token of the tokenizer.`);
  return (prompt, turns, grid) => {
    const { messages, texts } = conversation(facts, prompt, turns);
    const variables = { messages, add_generation_prompt: true, bos_token, eos_token };
    const pieces = piecesOf(render(template, path, variables), texts);
    if (prompt.question === undefined) pieces.push(...begun(pieces, prompt.caption?.trim() ?? ''));
    const text = pieces.map((piece) => piece.text).join('');
    const ids = tokenizer.encodePieces(pieces.map((piece) => withPhoto(facts, piece, grid)));
    const imageAt = ids.indexOf(picture);
    if (imageAt < 0) throw new AppError('model', `${path} wrote no ${facts.imageToken} for the picture.`);
    if (!facts.photoText) return { text, ids: ids.toSpliced(imageAt, 1), imageAt };
    return { text, ids: ids.filter((id) => id !== picture), imageAt, runs: runsOf(ids, picture) };
  };
}

/** What the template wrote, with the photo's own text for its token. */
function withPhoto({ photoText, imageToken, imageTokens }: ChatFacts, piece: Piece, grid?: Grid): Piece {
  if (piece.plain || !photoText || !grid) return piece;
  const written = writePhoto(photoText, grid, imageToken.repeat(imageTokens));
  return { ...piece, text: piece.text.replaceAll(imageToken, () => written) };
}

/** Where the picture's tokens are among the others. */
function runsOf(ids: readonly number[], picture: number): ImageRun[] {
  const runs: ImageRun[] = [];
  let words = 0;
  for (const [place, id] of ids.entries()) {
    const last = runs.at(-1);
    if (id !== picture) words++;
    else if (last && ids[place - 1] === picture) last.count++;
    else runs.push({ at: words, count: 1 });
  }
  return runs;
}

async function readTemplate(path: string): Promise<Template> {
  try {
    if (path.endsWith('.json')) return new Template(templateSchema.parse(await readJson(path)).chat_template);
    return new Template(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AppError('model', `Cannot read the chat template in ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function render(template: Template, path: string, variables: Record<string, unknown>): string {
  try {
    return template.render(variables);
  } catch (error) {
    throw new AppError('model', `The chat template ${path} failed: ${reasonOf(error)}`, { cause: error });
  }
}

type Message = {
  role: 'user' | 'assistant';
  content: ({ type: 'image' } | { type: 'text'; text: string })[];
};

/** Messages with a mark in place of each text: the picture goes with the first question. */
function conversation(
  facts: ChatFacts,
  prompt: Prompt,
  turns: readonly Turn[],
): { messages: Message[]; texts: string[] } {
  const asked =
    prompt.question === undefined
      ? fill(facts.captionTemplate, { prompt: facts.captionPrompt })
      : fill(facts.questionTemplate, { question: prompt.question.trim() });
  const past = prompt.question === undefined ? [] : turns;
  const texts = past.flatMap(({ question, answer }) => [
    fill(facts.questionTemplate, { question: question.trim() }),
    fill(facts.answerTemplate, { answer: answer.trim() }),
  ]);
  texts.push(asked);
  const messages = texts.map((_, at): Message => ({
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: [...(at === 0 ? [{ type: 'image' as const }] : []), { type: 'text', text: mark(at) }],
  }));
  return { messages, texts };
}

/** Private characters around a number: no template reads them, and what a person types is put in after they are gone. */
function mark(at: number): string {
  return `\u{F0001}${at}\u{F0001}`;
}

function piecesOf(rendered: string, texts: readonly string[]): Piece[] {
  return rendered.split(/\u{F0001}(\d+)\u{F0001}/u).map((part, place) => ({
    text: place % 2 === 0 ? part : (texts[Number(part)] ?? ''),
    plain: place % 2 === 1,
  }));
}

/** The start of the model's answer, apart from what the template wrote last. */
function begun(pieces: readonly Piece[], start: string): Piece[] {
  if (start === '') return [];
  const blank = /\s$/u.test(pieces.at(-1)?.text ?? '') ? '' : ' ';
  return [{ text: blank + start, plain: true }];
}
