/** Image and text embeddings in one space: CLIP, SigLIP and their kin, and the starter. */
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import { dot, normalise } from '../../lib/vectors.ts';
import type { Preprocess } from '../model.ts';
import { onnxFile, openPart, openTokenizer, readRows, tokenizerFiles, type Opening } from '../parts.ts';
import { logSoftmax } from '../sampling.ts';
import type { Session } from '../session.ts';
import { floats, integers, type Feed } from '../tensors.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { VisionReader } from '../vision.ts';

export const dualEncoderSchema = z.strictObject({
  ...tokenizerFiles,
  family: z.literal('dual-encoder'),
  vision: onnxFile,
  text: onnxFile,
  outputs: z.strictObject({ image: z.string(), text: z.string() }),
  dimension: z.int().positive(),
  maxTokens: z.int().positive(),
  /** The id that shorter texts are filled up with; 0 by default. */
  padId: z.int().optional(),
  /** `max` fills every text up to `maxTokens`, as models need that read what they fill up with (SigLIP). */
  padding: z.enum(['longest', 'max']).optional(),
  lowercase: z.boolean(),
  /** Punctuation is left out and blanks are joined, as SigLIP's texts were. */
  canonical: z.boolean().optional(),
  /** `{}` is replaced by the query. */
  template: z.string().includes('{}'),
  /**
   * Similarity of unrelated query and photo on held-out data: what "nothing" looks like.
   * Absent: not measured; the library's own photos tell it then.
   */
  relevance: z.strictObject({ mean: z.number(), std: z.number().positive() }).optional(),
  /**
   * What the mean log probability of a query's tokens, by the same model's writer, counts beside a cosine where photos
   * are looked at again. Absent: the writer's word alone orders them.
   */
  blend: z.number().positive().optional(),
  /** How labels are told apart: the cosine times `scale` plus `bias`, then probabilities. */
  zeroShot: z
    .strictObject({ scale: z.number(), bias: z.number(), activation: z.enum(['softmax', 'sigmoid']) })
    .optional(),
});

export type DualEncoderManifest = z.infer<typeof dualEncoderSchema>;

/** Texts run together: more would only need more memory for the longest. */
const textBatch = 16;

export interface TextEncoder {
  /** Unit-norm embeddings of `dimension` numbers, one for each text. */
  embedText(texts: readonly string[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** The image side: unit-norm embeddings. */
export function imageReader(embed: DualEncoderManifest): VisionReader {
  const output = embed.outputs.image;
  return {
    file: embed.vision,
    outputs: [output],
    read(found, rows) {
      const vectors = readRows(found[output], output, { rows, width: embed.dimension });
      return vectors.map((vector) => ({ embedding: normalise(vector) }));
    },
  };
}

/** Opens the text side. Throws AppError('model'). */
export async function openTextEncoder(opening: Opening, embed: DualEncoderManifest): Promise<TextEncoder> {
  const tokenizer = await openTokenizer(opening.dir, embed);
  const session = await openPart(opening, embed.text);
  const photo = noPhoto(session, opening.manifest.preprocess);
  return {
    async embedText(texts) {
      const encoded = texts.map((text) => queryIds(text, embed, tokenizer));
      const found: Float32Array[] = [];
      for (let at = 0; at < encoded.length; at += textBatch) {
        const feeds = textFeeds(session, embed, encoded.slice(at, at + textBatch));
        found.push(...(await embedIds(session, embed, { ...feeds, ...photo })));
      }
      return found;
    },
    close: () => session.close(),
  };
}

/** A query as ids: put into the template, in the form that the model was trained on, cut to its length. */
export function queryIds(text: string, embed: DualEncoderManifest, tokenizer: Tokenizer): number[] {
  const cased = embed.lowercase ? text.toLowerCase() : text;
  // A function as replacement, since `$&` in a query is text and not a pattern.
  const rendered = embed.template.replace('{}', () => cased);
  return tokenizer.encode(embed.canonical ? canonical(rendered) : rendered, {
    addSpecialTokens: true,
    plain: true,
    maxTokens: embed.maxTokens,
  });
}

/** As `canonicalize_text` of Big Vision, which SigLIP was trained with. */
function canonical(text: string): string {
  return text
    .toLowerCase()
    .replace(/[!-/:-@[-`{-~]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A black photo, for a file with both sides in one graph, which takes one with every text. */
function noPhoto(session: Session, { width, height }: Preprocess): Record<string, Feed> {
  const type = session.inputs.get('pixel_values');
  if (type === undefined) return {};
  return { pixel_values: floats(new Float32Array(3 * height * width), [1, 3, height, width], type) };
}

async function embedIds(
  session: Session,
  embed: DualEncoderManifest,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Float32Array[]> {
  const output = embed.outputs.text;
  const found = await session.run(feeds, [output]);
  const rows = feeds['input_ids']?.dims[0] ?? 0;
  const vectors = readRows(found[output], output, { rows, width: embed.dimension });
  return vectors.map(normalise);
}

/** Fills up to one length; feeds only those inputs that the session declares. */
export function textFeeds(
  session: Session,
  { padding, padId = 0, maxTokens }: Pick<DualEncoderManifest, 'padding' | 'padId' | 'maxTokens'>,
  batch: number[][],
): Record<string, Feed> {
  const length = padding === 'max' ? maxTokens : Math.max(1, ...batch.map((ids) => ids.length));
  const padded = batch.flatMap((ids) => [...ids, ...Array<number>(length - ids.length).fill(padId)]);
  const mask = batch.flatMap((ids) => Array.from({ length }, (_, at) => (at < ids.length ? 1 : 0)));
  const zeros = Array<number>(padded.length).fill(0);
  const known = { input_ids: padded, attention_mask: mask, token_type_ids: zeros };
  const feeds: Record<string, Feed> = {};
  for (const [name, values] of Object.entries(known)) {
    const type = session.inputs.get(name);
    if (type !== undefined) feeds[name] = integers(values, [batch.length, length], type);
  }
  return feeds;
}

/** How cosines become probabilities, and whether the model says so itself. */
export type Calibration = NonNullable<DualEncoderManifest['zeroShot']> & { from: 'model' | 'relevance' };

/**
 * As the manifest says; else a softmax over how many standard deviations each cosine lies above that of unrelated
 * pairs, which is flatter than what models are trained with. Throws AppError('model') where neither is known.
 */
export function calibration({ zeroShot, relevance }: DualEncoderManifest): Calibration {
  if (zeroShot) return { ...zeroShot, from: 'model' };
  if (!relevance) throw new AppError('model', 'model.json has no embed.zeroShot: how labels compare.');
  const { mean, std } = relevance;
  return { scale: 1 / std, bias: -mean / std, activation: 'softmax', from: 'relevance' };
}

/**
 * How likely each label is for a photo, of unit-norm embeddings: `softmax` over the labels (CLIP), or each by
 * itself (`sigmoid`, SigLIP). Throws AppError('model') where it is not known how.
 */
export function zeroShot(
  embed: DualEncoderManifest,
  image: Float32Array,
  labels: readonly Float32Array[],
): { cosines: number[]; logits: Float32Array; probabilities: Float32Array } {
  const { scale, bias, activation } = calibration(embed);
  const cosines = labels.map((label) => dot(image, label));
  const logits = Float32Array.from(cosines, (cosine) => scale * cosine + bias);
  const probabilities =
    activation === 'softmax' ? logSoftmax(logits).map(Math.exp) : logits.map((x) => 1 / (1 + Math.exp(-x)));
  return { cosines, logits, probabilities };
}
