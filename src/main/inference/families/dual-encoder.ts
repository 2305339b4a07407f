/** Image and text embeddings in one space: CLIP, SigLIP and their kin, and the starter. */
import { normalise } from '../../lib/vectors.ts';
import type { EmbedManifest, Seen } from '../model.ts';
import { openPart, openTokenizer, readRows, type Opening } from '../parts.ts';
import type { Session, Tensor } from '../session.ts';
import { integers, type Feed } from '../tensors.ts';
import type { Tokenizer } from '../tokenizer.ts';

/** Texts run together: more would only need more memory for the longest. */
const textBatch = 16;

export interface TextEncoder {
  /** Unit-norm embeddings of `dimension` numbers, one for each text. */
  embedText(texts: readonly string[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** The image side: what to fetch from the vision pass, and how to read it for a batch of `rows` photos. */
export function imageReader(embed: EmbedManifest): {
  output: string;
  read: (tensor: Tensor | undefined, rows: number) => Seen[];
} {
  const output = embed.outputs.image;
  return {
    output,
    read(tensor, rows) {
      const vectors = readRows(tensor, output, { rows, width: embed.dimension });
      return vectors.map((vector) => ({ embedding: normalise(vector) }));
    },
  };
}

/** Opens the text side. Throws AppError('model'). */
export async function openTextEncoder(opening: Opening, embed: EmbedManifest): Promise<TextEncoder> {
  const tokenizer = await openTokenizer(opening.dir, embed);
  const session = await openPart(opening, embed.text);
  return {
    async embedText(texts) {
      const encoded = texts.map((text) => encodeQuery(text, embed, tokenizer));
      const found: Float32Array[] = [];
      for (let at = 0; at < encoded.length; at += textBatch) {
        found.push(...(await embedIds(session, embed, encoded.slice(at, at + textBatch))));
      }
      return found;
    },
    close: () => session.close(),
  };
}

/** A query as ids: put into the template, lowercased where the model was trained so, cut to its length. */
function encodeQuery(text: string, embed: EmbedManifest, tokenizer: Tokenizer): number[] {
  const cased = embed.lowercase ? text.toLowerCase() : text;
  // A function as replacement, since `$&` in a query is text and not a pattern.
  const rendered = embed.template.replace('{}', () => cased);
  return tokenizer.encode(rendered, { addSpecialTokens: true, plain: true, maxTokens: embed.maxTokens });
}

async function embedIds(session: Session, embed: EmbedManifest, batch: number[][]): Promise<Float32Array[]> {
  const output = embed.outputs.text;
  const found = await session.run(textFeeds(session, batch), [output]);
  const vectors = readRows(found[output], output, { rows: batch.length, width: embed.dimension });
  return vectors.map(normalise);
}

/** Pads to the longest with masked zeros; feeds only those inputs that the session declares. */
function textFeeds(session: Session, batch: number[][]): Record<string, Feed> {
  const length = Math.max(1, ...batch.map((ids) => ids.length));
  const padded = batch.flatMap((ids) => [...ids, ...Array<number>(length - ids.length).fill(0)]);
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
