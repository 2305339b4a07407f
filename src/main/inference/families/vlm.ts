/** Captions and answers: an image prefix before a prompt, or within it, in a decoder-only language model. */
import { z } from 'zod';
import { causalDecoder, type CausalPrompt, type CausalSessions } from '../causal.ts';
import { openChat, photoTextSchema } from '../chat-template.ts';
import { promptDecoder } from '../encoder-decoder.ts';
import type { Decoder } from '../generate.ts';
import { gridPositions, readGrid } from '../grid.ts';
import { isCache, openGather, type KvCache } from '../kv-cache.ts';
import type { Model } from '../model.ts';
import {
  closeParts,
  onnxFile,
  openParts,
  openTokenizer,
  readRows,
  templateFile,
  type Opening,
} from '../parts.ts';
import { languageFacts } from '../prompt.ts';
import type { Session } from '../session.ts';
import type { VisionReader } from '../vision.ts';
import { writerOf, type Language, type Writer } from '../writer.ts';

export const vlmSchema = z.strictObject({
  ...languageFacts,
  family: z.literal('vlm'),
  /** Left out by a language model that sees nothing; its `imageTokens` are 0. */
  vision: onnxFile.optional(),
  embedTokens: onnxFile,
  decoder: onnxFile,
  /** Of a language model that reads photo and prompt in an encoder: its decoder begins with `answerStart`. */
  encoder: onnxFile.optional(),
  answerStart: z.array(z.int()).min(1).optional(),
  outputs: z.strictObject({ imageTokens: z.string() }),
  /** How many vectors `outputs.imageTokens` has, where only the first `imageTokens` are for the language side. */
  shown: z.int().positive().optional(),
  /** For a chat model; the picture comes in the place of `imageToken`, else before the prompt. */
  chatTemplate: templateFile.optional(),
  imageToken: z.string().min(1).optional(),
  /** For a photo in a grid, whose cells are `imageTokens` each. */
  photoText: photoTextSchema.optional(),
  /** Positions in time, height and width (M-RoPE), in which a photo's cells stand at their rows and columns. */
  positions: z.literal('grid').optional(),
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  headDim: z.int().positive(),
});

export type VlmManifest = z.infer<typeof vlmSchema>;

/** The image side, if there is one: `imageTokens * width` numbers for the prompt, of a photo or of each of its cells. */
export function prefixReaders(facts: VlmManifest): VisionReader[] {
  if (facts.vision === undefined) return [];
  const output = facts.outputs.imageTokens;
  const read: VisionReader['read'] = (found, rows) => {
    const width = (facts.shown ?? facts.imageTokens) * facts.width;
    return readRows(found[output], output, { rows, width }).map((prefix) => ({ prefix }));
  };
  return [{ file: facts.vision, outputs: [output], read }];
}

/** The part of a prefix that the language side reads: all that captions need. */
export function spokenOf({ shown, imageTokens, width }: VlmManifest, prefix: Float32Array): Float32Array {
  return shown === undefined ? prefix : prefix.subarray(0, imageTokens * width);
}

export type Generator = Required<Pick<Model, keyof Writer | 'close'>>;

/** Opens the language side. Throws AppError('model'), with nothing left open. */
export async function openGenerator(opening: Opening, facts: VlmManifest): Promise<Generator> {
  const language = await openLanguage(opening, facts);
  return { ...writerOf(language), close: () => language.close() };
}

/** The language side before it is put to use: what a prompt becomes, and the decoder's scores. */
export async function openLanguage(
  opening: Opening,
  facts: VlmManifest,
): Promise<Language<KvCache> & { close(): Promise<void> }> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const { embedTokens, decoder, encoder, chatTemplate, imageToken } = facts;
  const chat =
    chatTemplate !== undefined && imageToken !== undefined
      ? await openChat(opening.dir, { ...facts, chatTemplate, imageToken }, tokenizer)
      : undefined;
  const files = { embedTokens, decoder, ...(encoder !== undefined && { encoder }) };
  const opened: VlmSessions = await openParts(opening, files, isCache);
  const sessions = opened.decoder.keepsOnDevice
    ? { ...opened, gather: await openGather(opened.decoder, opening.options) }
    : opened;
  const inGrid = facts.photoText !== undefined;
  const axesOf: (...prompt: Parameters<typeof gridPositions>) => Pick<CausalPrompt, 'positions'> = (
    ...prompt
  ) => (facts.positions === 'grid' ? { positions: gridPositions(...prompt) } : {});
  const withoutPhoto = { ...facts, imageTokens: 0 };
  return {
    facts,
    tokenizer,
    continues: encoder === undefined,
    ...(chat && { render: chat }),
    ...(chat &&
      inGrid && { renderFor: (prefix) => (prompt, turns) => chat(prompt, turns, readGrid(prefix).grid) }),
    decoder: (photos, fitted) => {
      if (!inGrid) {
        const prefixes = photos.map((photo) => spokenOf(facts, photo));
        return languageModel(sessions, facts, { prefixes, ...fitted });
      }
      const [photo = new Float32Array()] = photos;
      const { grid, values } = readGrid(photo);
      const positions = axesOf(fitted.ids.length, { at: fitted.imageAt, grid });
      return languageModel(sessions, facts, { prefixes: [values], ...fitted, ...positions });
    },
    blind: ({ ids }) =>
      languageModel(sessions, withoutPhoto, { prefixes: [new Float32Array()], ids, ...axesOf(ids.length) }),
    close: () => closeParts({ ...sessions }),
  };
}

interface VlmSessions extends CausalSessions {
  encoder?: Session;
}

function languageModel(sessions: VlmSessions, facts: VlmManifest, prompt: CausalPrompt): Decoder<KvCache> {
  const { encoder } = sessions;
  if (!encoder) return causalDecoder(sessions, facts, prompt);
  return promptDecoder({ ...sessions, encoder }, facts, {
    ...prompt,
    start: facts.answerStart ?? [facts.bos],
  });
}
