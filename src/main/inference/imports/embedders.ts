/** CLIP and its kin: what their folders say of search. */
import type { DualEncoderManifest } from '../families/dual-encoder.ts';
import { fixedPreprocess } from './preprocess.ts';
import {
  outputOf,
  partOf,
  sizeOf,
  tokenId,
  tokenizerFiles,
  widthOf,
  type Facts,
  type Source,
} from './source.ts';

/** CLIP's temperature is learned up to this bound (Radford et al. 2021, 2.5), where those that are published have it. */
const zeroShot = { scale: 100, bias: 0, activation: 'softmax' } as const;

export function clip(source: Source): Facts {
  return { ...dualEncoder(source, { template: 'a photo of {}', most: 77, zeroShot }), reads: 'en' };
}

/** Its texts were cut at 52 tokens, although BERT has more positions. */
export function chineseClip(source: Source): Facts {
  return dualEncoder(source, { template: '{}', most: 52, zeroShot });
}

/** Images and texts in one space; `most` is how many tokens a text has where the settings leave it out. */
export function dualEncoder(
  source: Source,
  own: Partial<DualEncoderManifest> & { template: string; most: number },
  unprojected: readonly string[] = [],
): Facts {
  const vision = partOf(source, 'vision_model', 'model');
  const text = partOf(source, 'text_model', 'model');
  const image = outputOf(vision.graph, 'image_embeds', ...unprojected);
  const words = outputOf(text.graph, 'text_embeds', ...unprojected);
  const { config } = source;
  const { most, ...facts } = own;
  const dimension =
    sizeOf(text.graph, words, 1) ??
    sizeOf(vision.graph, image, 1) ??
    config.number('projection_dim') ??
    widthOf(config.part('text_config'));
  if (dimension === undefined) throw config.wrong('projection_dim', 'a number');
  const masked = text.graph.inputs.has('attention_mask');
  const embed: DualEncoderManifest = {
    ...tokenizerFiles,
    family: 'dual-encoder',
    vision: vision.path,
    text: text.path,
    outputs: { image, text: words },
    dimension,
    maxTokens: Math.min(most, config.part('text_config').number('max_position_embeddings') ?? most),
    // What reads no mask reads what a text is filled up with.
    ...(!masked && { padding: 'max' as const, padId: tokenId(source, 'pad_token') ?? 0 }),
    lowercase: false,
    ...facts,
  };
  return { preprocess: fixedPreprocess(source.processor), embed };
}

/** SigLIP, and SigLIP 2 of a fixed size: the same network, with another tokenizer and without cleaned texts. */
export function siglip(source: Source): Facts {
  const first = source.tokenizer.text('tokenizer_class') === 'SiglipTokenizer';
  const own = {
    template: 'This is a photo of {}.',
    most: 64,
    padding: 'max' as const,
    padId: first ? 1 : (tokenId(source, 'pad_token') ?? 0),
    ...(first ? { canonical: true } : { lowercase: source.tokenizer.flag('do_lower_case', false) }),
  };
  return dualEncoder(source, own, ['pooler_output']);
}
