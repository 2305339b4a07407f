/** BLIP: what its folders say of captions, answers, and search with a second look. */
import type { BlipManifest, BlipMatchManifest } from '../families/blip.ts';
import { dualEncoder } from './embedders.ts';
import { fixedPreprocess } from './preprocess.ts';
import type { Settings } from './settings.ts';
import {
  cacheOf,
  languageOf,
  outputOf,
  partOf,
  sizeOf,
  tokenId,
  tokenizerFiles,
  widthOf,
  type Facts,
  type Source,
} from './source.ts';

/** A photo's states, which a text side attends to: how many there are and how wide. */
function statesOf(
  source: Source,
  part: string,
  tower: Settings,
): Pick<BlipManifest, 'vision' | 'positions' | 'width'> & { states: string } {
  const { path, graph } = partOf(source, part);
  const states = outputOf(graph, 'image_states', 'last_hidden_state');
  const { width: side } = fixedPreprocess(source.processor);
  const positions =
    sizeOf(graph, states, 2) ?? Math.floor(side / (tower.number('patch_size') ?? 16)) ** 2 + 1;
  return { vision: path, states, positions, width: sizeOf(graph, states, 1) ?? widthOf(tower) ?? 768 };
}

/** Captions, or answers where a question is read first. BLIP's exports are those of models/export. */
export function blip(source: Source): Facts {
  const { states, ...vision } = statesOf(source, 'vision_model', source.config.part('vision_config'));
  const text = source.config.part('text_config');
  const decoder = partOf(source, 'decoder_model_merged');
  const question = source.files.get('question_encoder');
  const blank = source.files.get('blank_photo');
  const start = text.number('bos_token_id') ?? 30_522;
  const end = text.number('sep_token_id') ?? 102;
  const first = tokenId(source, 'cls_token') ?? 101;
  const { heads, headDim } = cacheOf(decoder.graph, text);
  const answers = {
    tasks: ['ask' as const, 'chat' as const],
    captionPrompt: 'what is in the picture?',
    promptMarks: { start: [first], end: [end] },
    answerStart: start,
  };
  const generate: BlipManifest = {
    ...languageOf(source, text, {
      imageTokens: 0,
      context: text.number('max_position_embeddings') ?? 512,
      bos: start,
      eos: [end],
      tasks: ['caption'],
      maxNewTokens: 32,
      ...(question !== undefined && answers),
    }),
    ...vision,
    heads,
    headDim,
    family: 'blip',
    outputs: { states },
    crossAttention: partOf(source, 'cross_attention').path,
    decoder: decoder.path,
    ...(blank !== undefined && { blank }),
    ...(question !== undefined && { questionEncoder: question, answerStart: start }),
  };
  return { preprocess: fixedPreprocess(source.processor), generate, reads: 'en' };
}

/** BLIP for search (ITC), and for a second look at what was found (ITM). */
export function blipMatch(source: Source): Facts {
  const { states, ...vision } = statesOf(source, 'vision_model', source.config.part('vision_config'));
  const text = source.config.part('text_config');
  const maxTokens = text.number('max_position_embeddings') ?? 512;
  const padId = text.number('pad_token_id') ?? 0;
  const { preprocess, embed } = dualEncoder(source, { template: '{}', most: maxTokens, padId });
  const matcher = partOf(source, 'match_model');
  const match: BlipMatchManifest = {
    ...tokenizerFiles,
    ...vision,
    family: 'blip',
    outputs: { states, scores: outputOf(matcher.graph, 'itm_logits', 'itm_score') },
    matcher: matcher.path,
    maxTokens,
    padId,
  };
  return { preprocess, ...(embed && { embed }), match, reads: 'en' };
}

/** ViT-GPT2 and its kin: another of the family, whose decoder takes a picture's states themselves. */
export function captioner(source: Source): Facts {
  const { config, generation } = source;
  const text = config.part('decoder');
  const { states, ...vision } = statesOf(source, 'encoder_model', config.part('encoder'));
  const decoder = partOf(source, 'decoder_model_merged');
  const { heads, headDim } = cacheOf(decoder.graph, text);
  const start = generation.number('decoder_start_token_id') ?? config.number('decoder_start_token_id');
  const generate: BlipManifest = {
    ...languageOf(source, text, {
      imageTokens: 0,
      context: text.number('n_positions') ?? text.number('max_position_embeddings') ?? 1024,
      tasks: ['caption'],
      maxNewTokens: 32,
      ...(start !== undefined && { bos: start }),
    }),
    ...vision,
    heads,
    headDim,
    family: 'blip',
    outputs: { states },
    decoder: decoder.path,
  };
  return { preprocess: fixedPreprocess(source.processor), generate, reads: 'en' };
}
