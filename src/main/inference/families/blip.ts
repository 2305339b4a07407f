/**
 * BLIP: an image encoder whose hidden states its text side attends to. Captions come from a decoder that attends
 * to the photo; answers from one that attends to the question after that has looked at the photo; and the text
 * encoder alone tells how well a text matches (ITM). Contrastive search (ITC) is the dual-encoder family's.
 */
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import { encoderStates } from '../causal.ts';
import { encoderDecoder } from '../encoder-decoder.ts';
import type { Decoder } from '../generate.ts';
import { isCache, openGather, type KvCache } from '../kv-cache.ts';
import type { Generated, Matched, Model, Prompt } from '../model.ts';
import {
  closeParts,
  onnxFile,
  openParts,
  openTokenizer,
  readRows,
  tokenizerFiles,
  type Opening,
} from '../parts.ts';
import { languageFacts } from '../prompt.ts';
import { logSoftmax } from '../sampling.ts';
import type { Session, Tensor } from '../session.ts';
import { floats, integers, readFloats, type Feed } from '../tensors.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { VisionReader } from '../vision.ts';
import { writerOf, type Writer } from '../writer.ts';
import { textFeeds } from './dual-encoder.ts';

/** A photo's hidden states: `positions` of `width` numbers. */
const statesFacts = {
  vision: onnxFile,
  positions: z.int().positive(),
  width: z.int().positive(),
};

export const blipSchema = z.strictObject({
  ...languageFacts,
  ...statesFacts,
  family: z.literal('blip'),
  outputs: z.strictObject({ states: z.string() }),
  /** Hidden states to the keys and values of the decoder's cross-attention; a decoder may take the states themselves. */
  crossAttention: onnxFile.optional(),
  decoder: onnxFile,
  heads: z.int().positive(),
  headDim: z.int().positive(),
  /** The states of a photo of the mean colour: without a photo, BLIP's decoder is no language model. */
  blank: onnxFile.optional(),
  /** For answers: reads the question and looks at the photo; the decoder attends to what it gives. */
  questionEncoder: onnxFile.optional(),
  /** The id that an answer begins with; captions begin with the prompt. */
  answerStart: z.int().optional(),
});

export const blipMatchSchema = z.strictObject({
  ...tokenizerFiles,
  ...statesFacts,
  family: z.literal('blip'),
  /** `contrast` where the matcher also gives the cosine (ITC), as BLIP-2's does: the largest of its query tokens. */
  outputs: z.strictObject({ states: z.string(), scores: z.string(), contrast: z.string().optional() }),
  /** A text that looks at the photo: two scores, of not matching and of matching. */
  matcher: onnxFile,
  maxTokens: z.int().positive(),
  padId: z.int(),
});

export type BlipManifest = z.infer<typeof blipSchema>;
export type BlipMatchManifest = z.infer<typeof blipMatchSchema>;

/** The image side: hidden states, which text attends to. */
export function statesReader(
  facts: Pick<BlipManifest, 'vision' | 'positions' | 'width'> & { outputs: { states: string } },
): VisionReader {
  const output = facts.outputs.states;
  return {
    file: facts.vision,
    outputs: [output],
    read(found, rows) {
      const width = facts.positions * facts.width;
      return readRows(found[output], output, { rows, width }).map((prefix) => ({ prefix }));
    },
  };
}

interface Sessions {
  crossAttention?: Session;
  decoder: Session;
  questionEncoder?: Session;
  gather?: Session;
}

/** Opens the side that writes. Throws AppError('model'), with nothing left open. */
export async function openBlip(
  opening: Opening,
  facts: BlipManifest,
): Promise<Writer & Pick<Model, 'close'>> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  const blank = await readBlank(opening, facts);
  const { crossAttention, decoder, questionEncoder } = facts;
  const files = {
    decoder,
    ...(crossAttention !== undefined && { crossAttention }),
    ...(questionEncoder !== undefined && { questionEncoder }),
  };
  const opened: Omit<Sessions, 'gather'> = await openParts(opening, files, isCache);
  const sessions: Sessions = opened.decoder.keepsOnDevice
    ? { ...opened, gather: await openGather(opened.decoder, opening.options) }
    : opened;
  const writer = writerOf({
    facts,
    tokenizer,
    continues: questionEncoder === undefined,
    decoder: (prefixes, { ids }) => blipDecoder(sessions, facts, { prefixes, ids }),
    ...(blank && { blind: ({ ids }) => blipDecoder(sessions, facts, { prefixes: [blank], ids }) }),
  });
  return { ...withoutMemory(writer), close: () => closeParts({ ...opened }) };
}

/** A question is read by itself: BLIP was not trained on turns. What is left out is counted as such. */
function withoutMemory(writer: Writer): Writer {
  const alone = (prompt: Prompt): Prompt => ({ ...prompt, history: [] });
  const counted = ({ history = [] }: Prompt, text: Generated): Generated => ({
    ...text,
    droppedTurns: history.length,
  });
  return {
    async generate(prefix, prompt, options) {
      return counted(prompt, await writer.generate(prefix, alone(prompt), options));
    },
    async generateBatch(prefixes, prompt, options) {
      const texts = await writer.generateBatch(prefixes, alone(prompt), options);
      return texts.map((text) => counted(prompt, text));
    },
    score: (prefix, texts, options = {}) =>
      writer.score(prefix, texts, { ...options, ...(options.prompt && { prompt: alone(options.prompt) }) }),
  };
}

/** A decoder for one prompt with each of several photos' states, of `positions * width` numbers each. */
export function blipDecoder(
  sessions: Sessions,
  facts: BlipManifest,
  { prefixes, ids }: { prefixes: readonly Float32Array[]; ids: readonly number[] },
): Decoder<KvCache> {
  const { questionEncoder, crossAttention } = sessions;
  return encoderDecoder(sessions, facts, {
    rows: prefixes.length,
    ids: facts.answerStart === undefined ? ids : [facts.answerStart],
    shares: crossAttention !== undefined,
    async encode() {
      const states = stack(prefixes, facts);
      const attended = questionEncoder ? await readQuestion(questionEncoder, states, ids) : states;
      if (!crossAttention) return { [encoderStates]: attended };
      try {
        return await crossAttention.run({ encoder_hidden_states: attended });
      } finally {
        if ('location' in attended) attended.dispose();
      }
    },
  });
}

/** The question's own states after it has looked at each photo, [photos, tokens, width]. */
async function readQuestion(session: Session, states: Feed, ids: readonly number[]): Promise<Tensor> {
  const [photos = 0] = states.dims;
  const all = Array.from({ length: photos }, () => ids).flat();
  const [output = 'last_hidden_state'] = session.outputs;
  const found = await session.run({
    input_ids: integers(all, [photos, ids.length], session.inputs.get('input_ids')),
    encoder_hidden_states: states,
  });
  const tensor = found[output];
  if (!tensor) throw new AppError('model', `The question encoder has no output "${output}".`);
  return tensor;
}

/** [photos, positions, width] of photos' states. Throws AppError('internal') where one is of another size. */
function stack(
  prefixes: readonly Float32Array[],
  { positions, width }: { positions: number; width: number },
): Feed {
  const size = positions * width;
  const values = new Float32Array(prefixes.length * size);
  prefixes.forEach((prefix, at) => {
    if (prefix.length !== size)
      throw new AppError('internal', `A photo's states have ${prefix.length} numbers instead of ${size}.`);
    values.set(prefix, at * size);
  });
  return floats(values, [prefixes.length, positions, width]);
}

async function readBlank(opening: Opening, facts: BlipManifest): Promise<Float32Array | undefined> {
  if (facts.blank === undefined) return undefined;
  const { blank } = await openParts(opening, { blank: facts.blank });
  try {
    const [output = ''] = blank.outputs;
    const { [output]: tensor } = await blank.run({});
    return tensor && readFloats(tensor);
  } finally {
    await blank.close();
  }
}

/** Texts that look at a photo together. */
const textBatch = 16;

export type Matcher = Required<Pick<Model, 'match' | 'close'>>;

/** Opens image-text matching. Throws AppError('model'). */
export async function openMatcher(opening: Opening, facts: BlipMatchManifest): Promise<Matcher> {
  const tokenizer = await openTokenizer(opening.dir, facts);
  return matcherOf((await openParts(opening, { matcher: facts.matcher })).matcher, facts, tokenizer);
}

export function matcherOf(session: Session, facts: BlipMatchManifest, tokenizer: Tokenizer): Matcher {
  const idsOf = (text: string): number[] =>
    tokenizer.encode(text, { addSpecialTokens: true, plain: true, maxTokens: facts.maxTokens });
  return {
    async match(prefix, texts) {
      const states = stack([prefix], facts);
      const all = texts.map(idsOf);
      const found: Matched[] = [];
      for (let at = 0; at < all.length; at += textBatch)
        found.push(...(await matchBatch(session, facts, states, all.slice(at, at + textBatch))));
      return found;
    },
    close: () => session.close(),
  };
}

/** How well each text matches the photo; shorter texts are filled up and masked. */
async function matchBatch(
  session: Session,
  facts: BlipMatchManifest,
  states: Feed,
  batch: number[][],
): Promise<Matched[]> {
  const { scores: output, contrast } = facts.outputs;
  const feeds = { ...textFeeds(session, facts, batch), encoder_hidden_states: states };
  const found = await session.run(feeds, contrast === undefined ? [output] : [output, contrast]);
  const rows = batch.length;
  const scores = readRows(found[output], output, { rows, width: 2 });
  const cosines = contrast === undefined ? [] : readRows(found[contrast], contrast, { rows, width: 1 });
  return scores.map((pair, at) => {
    const [itc] = cosines[at] ?? [];
    return { itm: Math.exp(logSoftmax(pair)[1] ?? -Infinity), ...(itc !== undefined && { itc }) };
  });
}
