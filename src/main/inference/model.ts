/**
 * The `Model` interface that every family answers to, and the manifest that holds a model's facts.
 *
 * A member that is missing is a capability that is missing. Nothing here knows a model by name.
 */
import { z } from 'zod';
import type { Sampling } from './sampling.ts';

const file = z.object({
  path: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
});

export const preprocessSchema = z.strictObject({
  /** Raised when the numbers below change, so that old embeddings are not mixed with new ones. */
  version: z.int(),
  width: z.int().positive(),
  height: z.int().positive(),
  /** `fill` squashes, `cover` crops the centre, `contain` pads with the mean. */
  fit: z.enum(['fill', 'cover', 'contain']),
  resample: z.enum(['bicubic', 'bilinear', 'lanczos']),
  /** Of pixel values 0 to 255, RGB: the tensor is (x - mean) / std. */
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number(), z.number(), z.number()]),
});

const embedSchema = z.strictObject({
  family: z.literal('dual-encoder'),
  vision: z.string(),
  text: z.string(),
  tokenizer: z.string(),
  tokenizerConfig: z.string(),
  dimension: z.int().positive(),
  maxTokens: z.int().positive(),
  lowercase: z.boolean(),
  /** `{}` is replaced by the query. */
  template: z.string().includes('{}'),
  outputs: z.strictObject({ image: z.string(), text: z.string() }),
  /** Similarity of unrelated query and photo on held-out data: what "nothing" looks like. */
  relevance: z.strictObject({ mean: z.number(), std: z.number().positive() }),
});

const generateSchema = z.strictObject({
  family: z.literal('vlm'),
  vision: z.string(),
  embedTokens: z.string(),
  decoder: z.string(),
  tokenizer: z.string(),
  tokenizerConfig: z.string(),
  outputs: z.strictObject({ imageTokens: z.string() }),
  imageTokens: z.int().positive(),
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  headDim: z.int().positive(),
  /** Positions the decoder was made for, image tokens included. */
  context: z.int().positive(),
  bos: z.int(),
  eos: z.array(z.int()).min(1),
  pad: z.int(),
  captionPrompt: z.string(),
  captionTemplate: z.string(),
  questionTemplate: z.string(),
  answerTemplate: z.string(),
  maxNewTokens: z.int().positive(),
  repetitionPenalty: z.number().positive(),
  noRepeatNgram: z.int().min(0),
  captionDecoding: z.strictObject({ beams: z.int().min(1) }),
});

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  version: z.string(),
  name: z.string(),
  summary: z.string(),
  license: z.string(),
  licenseFile: z.string(),
  source: z.string(),
  memoryMb: z.number(),
  files: z.array(file).min(1),
  preprocess: preprocessSchema,
  embed: embedSchema.optional(),
  generate: generateSchema.optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Preprocess = z.infer<typeof preprocessSchema>;
export type EmbedManifest = z.infer<typeof embedSchema>;
export type GenerateManifest = z.infer<typeof generateSchema>;

/** One photo at the model's size: upright sRGB, `width * height * 3` bytes, rows from the top. */
export type Pixels = Uint8Array;

/** What one vision pass gives for one photo. */
export interface Seen {
  /** Unit-norm image embedding of `dimension` numbers, when the model embeds. */
  embedding?: Float32Array;
  /** The decoder's image prefix, `imageTokens * width` numbers, when the model generates. */
  prefix?: Float32Array;
}

export interface Turn {
  question: string;
  answer: string;
}

export interface Prompt {
  /** A start for a caption; '' for the model's own. */
  caption?: string;
  /** A question, after the turns before it. */
  question?: string;
  history?: readonly Turn[];
}

export interface Generated {
  text: string;
  tokens: number[];
  /** Geometric mean of the chosen tokens' probabilities, end of text included. */
  confidence: number;
  /** The exact text given to the model beside the picture. */
  sent: string;
  /** Whole turns of history left out because the context was full. */
  droppedTurns: number;
}

export interface GenerateOptions {
  maxNewTokens?: number;
  beams?: number;
  /** Draws tokens at random instead of taking the likeliest; for one beam. */
  sampling?: Sampling;
  /** The text ends before the first of these. */
  stop?: readonly string[];
  signal?: AbortSignal;
  /** Called with text as it is settled; never splits a grapheme. */
  onText?: (text: string) => void;
}

export interface Model {
  readonly manifest: Manifest;
  /** `id@weights-preprocess`: what stored results are keyed by. */
  readonly version: string;
  /** The provider that really runs it, such as `cpu` or `webgpu`. */
  readonly provider: string;
  /** One vision pass over a batch; embedding and prefix come from the same run. */
  see?(batch: readonly Pixels[]): Promise<Seen[]>;
  /** Unit-norm text embeddings, one for each text. */
  embedText?(texts: readonly string[]): Promise<Float32Array[]>;
  /** Text about one photo, streamed. */
  generate?(prefix: Float32Array, prompt: Prompt, options?: GenerateOptions): Promise<Generated>;
  /** Captions of several photos at once, without streaming. */
  generateBatch?(
    prefixes: readonly Float32Array[],
    prompt: Prompt,
    options?: GenerateOptions,
  ): Promise<Generated[]>;
  close(): Promise<void>;
}

/** Parts of a model that a compute process needs; the others are not loaded. */
export type Part = 'vision' | 'text' | 'generate';
