/**
 * BLIP-2, InstructBLIP and MiniGPT-4: a Q-Former puts a photo into a few query tokens, which a frozen language model
 * reads beside a prompt. The language model goes on after the prompt (OPT, Llama), or encodes it and answers (T5).
 */
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import { causalDecoder } from '../causal.ts';
import { promptDecoder } from '../encoder-decoder.ts';
import type { Decoder } from '../generate.ts';
import { isCache, openGather, type KvCache } from '../kv-cache.ts';
import type { Model } from '../model.ts';
import {
  closeParts,
  jsonFile,
  onnxFile,
  openParts,
  openTokenizer,
  readRows,
  type Opening,
} from '../parts.ts';
import { languageFacts, type FittedPrompt } from '../prompt.ts';
import type { Session } from '../session.ts';
import { floats, integers } from '../tensors.ts';
import type { VisionReader } from '../vision.ts';
import { writerOf, type Language, type Writer } from '../writer.ts';

export const blip2Schema = z.strictObject({
  ...languageFacts,
  family: z.literal('blip2'),
  vision: onnxFile,
  embedTokens: onnxFile,
  /** Of a language model with an encoder: what reads query tokens and prompt for the decoder to attend to. */
  encoder: onnxFile.optional(),
  decoder: onnxFile,
  /** Where the Q-Former reads the instruction too (InstructBLIP), it is a file of its own with its tokenizer. */
  queryFormer: onnxFile.optional(),
  queryTokenizer: jsonFile.optional(),
  queryTokenizerConfig: jsonFile.optional(),
  /** Ids of an instruction that the Q-Former can read. */
  queryContext: z.int().positive().optional(),
  /** What is kept of a photo: hidden states for a Q-Former that waits for the instruction, else query tokens. */
  outputs: z.strictObject({ photo: z.string() }),
  features: z.strictObject({ positions: z.int().positive(), width: z.int().positive() }).optional(),
  /** Query tokens, and their width in the language model. */
  imageTokens: z.int().positive(),
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  headDim: z.int().positive(),
});

export type Blip2Manifest = z.infer<typeof blip2Schema>;

/** The image side: projected query tokens, [imageTokens, width], or the features that become them. */
export function photoReader(facts: Blip2Manifest): VisionReader {
  const output = facts.outputs.photo;
  const { positions, width } = facts.features ?? { positions: facts.imageTokens, width: facts.width };
  return {
    file: facts.vision,
    outputs: [output],
    read: (found, rows) =>
      readRows(found[output], output, { rows, width: positions * width }).map((prefix) => ({ prefix })),
  };
}

/** Opens what writes about a photo. Throws AppError('model'), with nothing left open. */
export async function openBlip2(
  opening: Opening,
  facts: Blip2Manifest,
): Promise<Writer & Pick<Model, 'close'>> {
  const language = await openBlip2Language(opening, facts);
  return { ...writerOf(language), close: language.close };
}

export interface Blip2Language extends Language<KvCache> {
  sessions: Sessions;
  /** The Q-Former's ids of a prompt, where it reads prompts. */
  instruction: ((text: string) => number[]) | undefined;
  close: () => Promise<void>;
}

/** The language side before it is put to use. Throws AppError('model'), with nothing left open. */
export async function openBlip2Language(opening: Opening, facts: Blip2Manifest): Promise<Blip2Language> {
  const { embedTokens, decoder, encoder, queryFormer } = facts;
  const tokenizer = await openTokenizer(opening.dir, facts);
  const instruction = await instructionReader(opening, facts);
  const files = { embedTokens, decoder, ...(encoder && { encoder }), ...(queryFormer && { queryFormer }) };
  const opened = await openParts(opening, files, isCache);
  const gather = opened.decoder.keepsOnDevice && (await openGather(opened.decoder, opening.options));
  const sessions: Sessions = { ...opened, ...(gather && { gather }) };
  return {
    facts,
    tokenizer,
    sessions,
    instruction,
    continues: encoder === undefined,
    decoder: (photos, fitted) =>
      instruction
        ? reading(sessions, facts, { photos, fitted, instruction: instruction(fitted.text) })
        : languageModel(sessions, facts, { prefixes: photos, ...fitted }),
    blind: ({ ids }) =>
      languageModel(
        sessions,
        { ...facts, imageTokens: 0 },
        { prefixes: [new Float32Array()], ids, imageAt: 0 },
      ),
    close: () => closeParts({ ...sessions }),
  };
}

export interface Sessions {
  embedTokens: Session;
  decoder: Session;
  encoder?: Session;
  queryFormer?: Session;
  gather?: Session;
}

type Prefixed = Pick<FittedPrompt, 'ids' | 'imageAt'> & { prefixes: readonly Float32Array[] };

/** The language model over the prompt with each photo's query tokens in it. */
export function languageModel(sessions: Sessions, facts: Blip2Manifest, prompt: Prefixed): Decoder<KvCache> {
  const { encoder } = sessions;
  if (!encoder) return causalDecoder(sessions, facts, prompt);
  return promptDecoder({ ...sessions, encoder }, facts, { ...prompt, start: [facts.bos] });
}

/** The language model after a Q-Former that reads the photo for this very prompt. */
function reading(
  sessions: Sessions,
  facts: Blip2Manifest,
  asked: { photos: readonly Float32Array[]; fitted: FittedPrompt; instruction: readonly number[] },
): Decoder<KvCache> {
  const model = (prefixes: readonly Float32Array[]): Decoder<KvCache> =>
    languageModel(sessions, facts, { prefixes, ...asked.fitted });
  return {
    ...model([]),
    start: async () => model(await queryTokens(sessions, facts, asked)).start(),
  };
}

/** Hidden states of each photo, [positions, width], as the query tokens that an instruction asks for. */
export async function queryTokens(
  { queryFormer }: Pick<Sessions, 'queryFormer'>,
  { features, imageTokens, width }: Blip2Manifest,
  { photos, instruction }: { photos: readonly Float32Array[]; instruction: readonly number[] },
  output = 'image_tokens',
): Promise<Float32Array[]> {
  const rows = photos.length;
  if (!queryFormer || !features)
    throw new AppError('model', 'model.json names no queryFormer and its features.');
  const joined = new Float32Array(rows * features.positions * features.width);
  photos.forEach((photo, row) => joined.set(photo, row * features.positions * features.width));
  const found = await queryFormer.run(
    {
      image_features: floats(
        joined,
        [rows, features.positions, features.width],
        queryFormer.inputs.get('image_features'),
      ),
      input_ids: integers(
        photos.flatMap(() => instruction),
        [rows, instruction.length],
      ),
    },
    [output],
  );
  const size = found[output]?.dims.at(-1) ?? width;
  return readRows(found[output], output, { rows, width: imageTokens * size });
}

/** How the Q-Former reads an instruction: between its own marks, and of one that is too long the end. */
async function instructionReader(
  { dir }: Opening,
  facts: Blip2Manifest,
): Promise<((text: string) => number[]) | undefined> {
  const { queryTokenizer, queryTokenizerConfig, queryContext = Infinity } = facts;
  if (queryTokenizer === undefined || queryTokenizerConfig === undefined) return undefined;
  const tokenizer = await openTokenizer(dir, {
    tokenizer: queryTokenizer,
    tokenizerConfig: queryTokenizerConfig,
  });
  return (text) => {
    const ids = tokenizer.encode(text, { addSpecialTokens: true, plain: true });
    return ids.length > queryContext ? [...ids.slice(0, 1), ...ids.slice(1 - queryContext)] : ids;
  };
}
