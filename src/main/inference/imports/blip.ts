/** BLIP: what its folders say of captions, answers, and search with a second look. */
import type { BlipManifest, BlipMatchManifest } from '../families/blip.ts';
import { dualEncoder } from './embedders.ts';
import { fixedPreprocess } from './preprocess.ts';
import {
  cacheOf,
  languageOf,
  outputOf,
  partOf,
  sizeOf,
  tokenId,
  tokenizerFiles,
  type Facts,
  type Source,
} from './source.ts';

/** A photo's states, which BLIP's text side attends to: how many there are and how wide. */
function statesOf(source: Source): Pick<BlipManifest, 'vision' | 'positions' | 'width'> & { states: string } {
  const { path, graph } = partOf(source, 'vision_model');
  const states = outputOf(graph, 'image_states', 'last_hidden_state');
  const tower = source.config.part('vision_config');
  const { width: side } = fixedPreprocess(source.processor);
  const positions =
    sizeOf(graph, states, 2) ?? Math.floor(side / (tower.number('patch_size') ?? 16)) ** 2 + 1;
  return {
    vision: path,
    states,
    positions,
    width: sizeOf(graph, states, 1) ?? tower.number('hidden_size') ?? 768,
  };
}

/** Captions, or answers where a question is read first. BLIP's exports are those of models/export. */
export function blip(source: Source): Facts {
  const { states, ...vision } = statesOf(source);
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
  const { states, ...vision } = statesOf(source);
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
