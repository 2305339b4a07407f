/**
 * Chameleon: photos and text are tokens of one stream (early fusion). A photo's prefix is its own tokens, so that
 * beside writing about it the model says how likely the photo is after a text: the generative classifier.
 */
import { z } from 'zod';
import { throwIfAborted } from '../../../shared/errors.ts';
import { causalDecoder, embedPrompt, feedsFor, type CausalSessions } from '../causal.ts';
import { emptyCache, isCache, openGather, type KvCache } from '../kv-cache.ts';
import type { Model, Scored } from '../model.ts';
import { closeParts, onnxFile, openParts, openTokenizer, readRows, type Opening } from '../parts.ts';
import { languageFacts } from '../prompt.ts';
import type { Session } from '../session.ts';
import { floats, integers, readFloats } from '../tensors.ts';
import type { VisionReader } from '../vision.ts';
import { writerOf, type Language, type Writer } from '../writer.ts';

export const chameleonSchema = z.strictObject({
  ...languageFacts,
  family: z.literal('chameleon'),
  /** Pixels to the photo's tokens, each as two numbers: its id is 256 times the first plus the second. */
  vision: onnxFile,
  outputs: z.strictObject({ imageCodes: z.string() }),
  embedTokens: onnxFile,
  decoder: onnxFile,
  /** Hidden states, and the ids that came next, to the log probability of each over the whole vocabulary. */
  scorer: onnxFile,
  /** The photo's tokens, and the mark at each end. */
  imageTokens: z.int().min(3),
  imageMarks: z.strictObject({ start: z.int(), end: z.int() }),
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  headDim: z.int().positive(),
});

export type ChameleonManifest = z.infer<typeof chameleonSchema>;

/** The image side. Two small numbers a token survive being kept as float16, which ids as such do not. */
export function codesReader(facts: ChameleonManifest): VisionReader {
  const output = facts.outputs.imageCodes;
  return {
    file: facts.vision,
    outputs: [output],
    read(found, rows) {
      const width = 2 * (facts.imageTokens - 2);
      return readRows(found[output], output, { rows, width }).map((prefix) => ({ prefix }));
    },
  };
}

/** A photo's token ids. */
export function idsOfCodes(prefix: Float32Array): number[] {
  return Array.from(
    { length: prefix.length / 2 },
    (_, at) => 256 * (prefix[2 * at] ?? 0) + (prefix[2 * at + 1] ?? 0),
  );
}

type Sessions = CausalSessions & { scorer: Session };
type Members = Writer & Required<Pick<Model, 'scorePhoto' | 'close'>>;

/** Opens the side that writes and scores. Throws AppError('model'), with nothing left open. */
export async function openChameleon(opening: Opening, facts: ChameleonManifest): Promise<Members> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const { embedTokens, decoder, scorer } = facts;
  const opened = await openParts(opening, { embedTokens, decoder, scorer }, isCache);
  const sessions = opened.decoder.keepsOnDevice
    ? { ...opened, gather: await openGather(opened.decoder, opening.options) }
    : opened;
  const writer = writerOf(languageOf(sessions, facts, tokenizer));
  return {
    ...writer,
    async scorePhoto(prefix, texts, signal) {
      const scores: Scored[] = [];
      for (const text of texts) {
        throwIfAborted(signal);
        const before = tokenizer.encode(text, { addSpecialTokens: false, plain: true });
        scores.push(await scorePhoto(sessions, facts, before, idsOfCodes(prefix)));
      }
      return scores;
    },
    close: () => closeParts(sessions),
  };
}

function languageOf(
  sessions: Sessions,
  facts: ChameleonManifest,
  tokenizer: Language<KvCache>['tokenizer'],
): Language<KvCache> {
  const withoutPhoto = { ...facts, imageTokens: 0 };
  return {
    facts,
    tokenizer,
    continues: false,
    decoder: (prefixes, fitted) => ({
      ...causalDecoder(sessions, facts, { prefixes: [], ids: [] }),
      async start() {
        const embedded: Float32Array[] = [];
        for (const prefix of prefixes)
          embedded.push((await embedIds(sessions, facts, photoIds(facts, prefix))).embeds);
        return causalDecoder(sessions, facts, { ...fitted, prefixes: embedded }).start();
      },
    }),
    blind: ({ ids }) => causalDecoder(sessions, withoutPhoto, { prefixes: [new Float32Array()], ids }),
  };
}

function photoIds({ imageMarks }: ChameleonManifest, prefix: Float32Array): number[] {
  return [imageMarks.start, ...idsOfCodes(prefix), imageMarks.end];
}

function embedIds(
  sessions: Sessions,
  { width }: ChameleonManifest,
  ids: number[],
): ReturnType<typeof embedPrompt> {
  return embedPrompt(
    sessions.embedTokens,
    { imageTokens: 0, width },
    { prefixes: [new Float32Array()], ids },
  );
}

/** log p(photo | text): the sum over the photo's tokens, each after the text and those before it. */
async function scorePhoto(
  { decoder, scorer, ...others }: Sessions,
  facts: ChameleonManifest,
  text: number[],
  photo: number[],
): Promise<Scored> {
  const before = [facts.bos, ...text, facts.imageMarks.start];
  const added = await embedIds({ decoder, scorer, ...others }, facts, [...before, ...photo]);
  const { hidden_states: hidden } = await decoder.run(
    feedsFor(decoder, added, emptyCache(decoder, 1, facts)),
    ['hidden_states'],
  );
  const [states = new Float32Array()] = readRows(hidden, 'hidden_states', {
    rows: 1,
    width: (before.length + photo.length) * facts.width,
  });
  const telling = states.slice((before.length - 1) * facts.width, -facts.width);
  const { log_probabilities: found } = await scorer.run({
    hidden_states: floats(telling, [photo.length, facts.width], scorer.inputs.get('hidden_states')),
    next_ids: integers(photo, [photo.length], scorer.inputs.get('next_ids')),
  });
  const logProbability = found ? readFloats(found).reduce((sum, x) => sum + x, 0) : NaN;
  return { logProbability, tokens: photo.length };
}
