/**
 * The `Model` interface that every family answers to, and the manifest that holds a model's facts.
 *
 * A member that is missing is a capability that is missing. Nothing here knows a model by name.
 */
import { z } from 'zod';
import type { KnownAnswer, Sureness } from '../../shared/contract.ts';
import { blipMatchSchema, blipSchema } from './families/blip.ts';
import { blip2Schema } from './families/blip2.ts';
import { chameleonSchema } from './families/chameleon.ts';
import { dualEncoderSchema } from './families/dual-encoder.ts';
import { endpointSchema } from './families/endpoint.ts';
import { fusionAnswerSchema, fusionMatchSchema } from './families/fusion.ts';
import { vlmSchema } from './families/vlm.ts';
import type { Grounded } from './boxes.ts';
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
  /**
   * `fill` squashes, `cover` crops the centre, `contain` pads with the mean; `tiles` cuts a larger picture into squares
   * of this size; `patches` makes both sides multiples of it, see grid.ts.
   */
  fit: z.enum(['fill', 'cover', 'contain', 'tiles', 'patches']),
  /** Of `tiles`: what the longer side is made before the photo is cut. */
  longest: z.int().positive().optional(),
  /** Of `patches`: how many pixels a photo has at least and at most, and a patch's side, of which a cell has several. */
  minPixels: z.int().positive().optional(),
  maxPixels: z.int().positive().optional(),
  patch: z.int().positive().optional(),
  /** How often each patch is given, for a model that was made for films. */
  frames: z.int().positive().optional(),
  /** Where `cover` crops when one pixel is left over: `even` as torchvision does (default), or `floor`. */
  centre: z.enum(['even', 'floor']).optional(),
  resample: z.enum(['bicubic', 'bilinear', 'lanczos']),
  /** Of pixel values 0 to 255, RGB: the tensor is (x - mean) / std. */
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number(), z.number(), z.number()]),
});

/** Families that embed photos and texts into one space. */
const embedSchema = z.discriminatedUnion('family', [dualEncoderSchema]);

/** Families that write about a photo. */
const generateSchema = z.discriminatedUnion('family', [
  blip2Schema,
  blipSchema,
  chameleonSchema,
  vlmSchema,
  endpointSchema,
]);

/** Families that tell how well a text matches a photo. */
const matchSchema = z.discriminatedUnion('family', [blipMatchSchema, fusionMatchSchema]);

/** Families that choose among answers they know. */
const answerSchema = z.discriminatedUnion('family', [fusionAnswerSchema]);

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  version: z.string(),
  name: z.string(),
  summary: z.string(),
  license: z.string(),
  licenseFile: z.string(),
  source: z.string(),
  /** The one language that its text side reads: Chinese is put into it word by word. Without it, any may be meant. */
  reads: z.literal('en').optional(),
  memoryMb: z.number(),
  files: z.array(file).min(1),
  preprocess: preprocessSchema,
  embed: embedSchema.optional(),
  generate: generateSchema.optional(),
  match: matchSchema.optional(),
  answer: answerSchema.optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Preprocess = z.infer<typeof preprocessSchema>;
export type EmbedManifest = z.infer<typeof embedSchema>;
export type GenerateManifest = z.infer<typeof generateSchema>;

/**
 * One photo at the model's size: upright sRGB, `width * height * 3` bytes, rows from the top. Of `tiles`, one after the
 * other and the whole last; of `patches`, the picture; of both, then the grid: see grid.ts.
 */
export type Pixels = Uint8Array;

/** What one vision pass gives for one photo. */
export interface Seen {
  /** Unit-norm image embedding of `dimension` numbers, when the model embeds. */
  embedding?: Float32Array;
  /**
   * What the language side reads of the photo, in the family's own shape, when there is one: projected image
   * tokens before the text (vlm), hidden states that are attended to (blip), or embedded patches (fusion).
   */
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
  /** The likeliest, where the model chooses among answers that it knows. */
  answers?: Answered[];
  /** Of an answer, where it was measured for the model. */
  sureness?: Sureness;
  /** What stood in the place of a question that the model cannot read. */
  gloss?: string;
  /** Where things are, as a model said that tells it. */
  boxes?: Grounded[];
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

/** How likely a text is for a photo; natural logarithms, summed over the text's tokens. */
export interface Scored {
  /** log p(text | image, prompt) */
  logProbability: number;
  tokens: number;
  /**
   * log p(text | prompt), where it was asked for: of the language model over the prompt alone, no photo before it.
   * Absent where a family has no such thing, since its words always attend to a photo.
   */
  prior?: number;
}

export interface ScoreOptions {
  /** What the texts follow; the model's own prompt for captions by default. */
  prompt?: Prompt;
  /** Also computes the prior. */
  prior?: boolean;
  /** Counts the end as a text's last token: how likely the text is with nothing after it. */
  end?: boolean;
  /** Told what the texts follow, and how many turns of the history were left out for want of room. */
  onPrompt?: (sent: string, droppedTurns: number) => void;
  signal?: AbortSignal;
}

/** How well a text fits a photo. */
export interface Matched {
  /** Image-text contrastive: a cosine, -1 to 1. */
  itc?: number;
  /** Image-text matching: the probability that they belong together. */
  itm?: number;
}

/** One of the answers that a model knows, with its probability among them. */
export type Answered = KnownAnswer;

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
  /** How likely each text is for one photo; all texts read the photo's prefix, which is computed once. */
  score?(prefix: Float32Array, texts: readonly string[], options?: ScoreOptions): Promise<Scored[]>;
  /** How likely one photo is after each text, for a model whose photos are tokens: log p(photo | text). */
  scorePhoto?(prefix: Float32Array, texts: readonly string[], signal?: AbortSignal): Promise<Scored[]>;
  /** How well each text fits one photo. */
  match?(prefix: Float32Array, texts: readonly string[]): Promise<Matched[]>;
  /** A question's answers among those that the model knows, likeliest first. */
  answers?(prefix: Float32Array, question: string): Promise<Answered[]>;
  close(): Promise<void>;
}

/**
 * Parts of a model that a compute process needs; the others are not loaded. `vision` gives `see`, `text` gives
 * `embedText`, and `generate` everything that reads a photo's prefix together with a text.
 */
export type Part = 'vision' | 'text' | 'generate';
