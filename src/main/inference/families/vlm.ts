/** Captions and answers: an image prefix before a prompt, or within it, in a decoder-only language model. */
import { z } from 'zod';
import { causalDecoder, type CausalPrompt } from '../causal.ts';
import { openChat, photoTextSchema } from '../chat-template.ts';
import { gridPositions, readGrid, withGrid } from '../grid.ts';
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
import type { VisionReader } from '../vision.ts';
import { writerOf, type Language, type Writer } from '../writer.ts';

export const vlmSchema = z.strictObject({
  ...languageFacts,
  family: z.literal('vlm'),
  /** Left out by a language model that sees nothing; its `imageTokens` are 0. */
  vision: onnxFile.optional(),
  embedTokens: onnxFile,
  decoder: onnxFile,
  outputs: z.strictObject({ imageTokens: z.string() }),
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

/** The image side, if there is one: `imageTokens * width` numbers to be put before the prompt. */
export function prefixReaders(facts: VlmManifest): VisionReader[] {
  if (facts.vision === undefined) return [];
  const output = facts.outputs.imageTokens;
  const width = facts.imageTokens * facts.width;
  const read: VisionReader['read'] = (found, rows, grid) => {
    const cells = readRows(found[output], output, { rows, width });
    return grid ? [{ prefix: withGrid(grid, cells) }] : cells.map((prefix) => ({ prefix }));
  };
  return [{ file: facts.vision, outputs: [output], read }];
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
  const { embedTokens, decoder, chatTemplate, imageToken } = facts;
  const chat =
    chatTemplate !== undefined && imageToken !== undefined
      ? await openChat(opening.dir, { ...facts, chatTemplate, imageToken }, tokenizer)
      : undefined;
  const opened = await openParts(opening, { embedTokens, decoder }, isCache);
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
    continues: true,
    ...(chat && { render: chat }),
    ...(chat &&
      inGrid && { renderFor: (prefix) => (prompt, turns) => chat(prompt, turns, readGrid(prefix).grid) }),
    decoder: (photos, fitted) => {
      if (!inGrid) return causalDecoder(sessions, facts, { prefixes: photos, ...fitted });
      const [photo = new Float32Array()] = photos;
      const { grid, values } = readGrid(photo);
      const positions = axesOf(fitted.ids.length, { at: fitted.imageAt, grid });
      return causalDecoder(sessions, facts, { prefixes: [values], ...fitted, ...positions });
    },
    blind: ({ ids }) =>
      causalDecoder(sessions, withoutPhoto, { prefixes: [new Float32Array()], ids, ...axesOf(ids.length) }),
    close: () => closeParts(sessions),
  };
}
