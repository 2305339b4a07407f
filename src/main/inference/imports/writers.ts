/** Language models that see: what their folders say of captions, questions and talk. */
import { z } from 'zod';
import { AppError } from '../../../shared/errors.ts';
import type { VlmManifest } from '../families/vlm.ts';
import { fixedPreprocess, patchedPreprocess, tiledPreprocess } from './preprocess.ts';
import type { Settings } from './settings.ts';
import {
  cacheOf,
  languageOf,
  outputOf,
  partOf,
  placesOf,
  sizeOf,
  widthOf,
  type Facts,
  type Source,
} from './source.ts';

const describe = 'Describe this photo in one sentence.';

/** What the parts of a language model after a photo's tokens say of themselves. */
function vlm(source: Source, text: Settings): Omit<VlmManifest, keyof ReturnType<typeof languageOf>> {
  const vision = partOf(source, 'vision_encoder');
  const embed = partOf(source, 'embed_tokens');
  const decoder = partOf(source, 'decoder_model_merged');
  const width = sizeOf(embed.graph, outputOf(embed.graph, 'inputs_embeds'), 1) ?? widthOf(text);
  if (width === undefined) throw text.wrong('hidden_size', 'a number');
  outputOf(decoder.graph, 'logits');
  return {
    family: 'vlm',
    vision: vision.path,
    embedTokens: embed.path,
    decoder: decoder.path,
    outputs: { imageTokens: outputOf(vision.graph, 'image_features') },
    width,
    ...cacheOf(decoder.graph, text),
  };
}

function contextOf(source: Source, text: Settings): number {
  const told = text.number('max_position_embeddings') ?? source.tokenizer.number('model_max_length') ?? 2048;
  return Math.min(told, 32_768);
}

/** The chat template, and the word in whose place the photo comes. */
function chatOf(source: Source): Pick<VlmManifest, 'chatTemplate' | 'imageToken'> {
  const { config, vocabulary, chatTemplate, folder } = source;
  if (chatTemplate === undefined)
    throw new AppError(
      'model',
      `${folder}: there is no chat template; expected chat_template.jinja, or "chat_template" in tokenizer_config.json. Get the folder again.`,
    );
  const id = config.number('image_token_id') ?? config.needNumber('image_token_index');
  const imageToken = vocabulary.wordOf(id);
  if (imageToken === undefined) throw config.wrong('image_token_id', 'the id of a token of tokenizer.json');
  return { chatTemplate, imageToken };
}

/** How many positions a photo of a fixed size takes; `first` is how many of its states come before those of its patches. */
function imageTokensOf(source: Source, first = 0): number {
  const { graph } = partOf(source, 'vision_encoder');
  const { config, processor } = source;
  const told =
    sizeOf(graph, 'image_features', 2) ??
    processor.number('image_seq_length') ??
    config.number('image_seq_length');
  if (told !== undefined) return told;
  const patch = config.part('vision_config').needNumber('patch_size');
  const { width, height } = fixedPreprocess(processor);
  return Math.floor(width / patch) * Math.floor(height / patch) + first;
}

/** CLIP's tower has the state of a class token first, which most were trained without. */
function classTokens(config: Settings): number {
  const tower = config.part('vision_config').text('model_type') ?? 'clip_vision_model';
  const has = tower === 'clip_vision_model' ? 1 : 0;
  return config.text('vision_feature_select_strategy') === 'full' ? has : has - 1;
}

export function llava(source: Source): Facts {
  const text = source.config.part('text_config');
  const language = languageOf(source, text, {
    imageTokens: imageTokensOf(source, classTokens(source.config)),
    context: contextOf(source, text),
    captionPrompt: describe,
    answerTemplate: '{answer}',
    maxNewTokens: 256,
  });
  return {
    preprocess: fixedPreprocess(source.processor),
    generate: { ...language, ...vlm(source, text), ...chatOf(source) },
  };
}

/** Idefics3 and SmolVLM. */
export function tiled(source: Source): Facts {
  const { config } = source;
  const text = config.part('text_config');
  const preprocess = tiledPreprocess(source.processor);
  const [around, whole] = ['<fake_token_around_image>', '<global-img>{image}<fake_token_around_image>'];
  const patch = config.part('vision_config').number('patch_size') ?? 32;
  const across = Math.floor(preprocess.width / patch / (config.number('scale_factor') ?? 2));
  const language = languageOf(source, text, {
    imageTokens: across * across,
    context: contextOf(source, text),
    captionPrompt: 'Can you describe this image?',
    answerTemplate: '{answer}',
    maxNewTokens: 256,
  });
  const photoText = {
    cell: `${around}<row_{row}_col_{column}>{image}`,
    rowEnd: '\n',
    end: `\n${around}${whole}`,
    single: around + whole,
  };
  return { preprocess, generate: { ...language, ...vlm(source, text), ...chatOf(source), photoText } };
}

/** Qwen2-VL and Qwen2.5-VL, whose windows of attention are within their vision part. */
export function patched(source: Source): Facts {
  const { config } = source;
  const text = config.has('text_config') ? config.part('text_config') : config;
  const language = languageOf(source, text, {
    imageTokens: 1,
    context: contextOf(source, text),
    captionPrompt: describe,
    answerTemplate: '{answer}',
    maxNewTokens: 256,
  });
  const photoText = { cell: '{image}', rowEnd: '', end: '' };
  return {
    preprocess: patchedPreprocess(source.processor),
    generate: { ...language, ...vlm(source, text), ...chatOf(source), photoText, positions: 'grid' },
  };
}

export function paligemma(source: Source): Facts {
  const text = source.config.part('text_config');
  const places = placesOf(source, 1024, (at) => `<loc${String(at).padStart(4, '0')}>`);
  const language = languageOf(source, text, {
    imageTokens: imageTokensOf(source),
    context: contextOf(source, text),
    tasks: ['caption', 'ask'],
    captionStart: 'task',
    captionPrompt: 'caption en',
    captionTemplate: '{prompt}\n',
    questionTemplate: 'answer en {question}\n',
    maxNewTokens: 128,
    locations: { ...places, bins: 1024, centre: false, order: 'yxyx', label: 'after' },
  });
  return { preprocess: fixedPreprocess(source.processor), generate: { ...language, ...vlm(source, text) } };
}

/** Florence-2: an encoder reads the photo and a task's words, and the decoder writes words and places. */
export function florence(source: Source): Facts {
  const { config, generation, processor } = source;
  const text = config.part('text_config');
  const places = placesOf(source, 1000, (at) => `<loc_${at}>`);
  const told = [generation, text, config];
  const number = (name: string): number | undefined =>
    told.map((each) => each.number(name)).find((id) => id !== undefined);
  const forced = number('forced_bos_token_id');
  const taskPrompts = {
    ...textsOf(processor, 'task_prompts_without_inputs'),
    ...textsOf(processor, 'task_prompts_with_input'),
  };
  const language = languageOf(source, text, {
    imageTokens: imageTokensOf(source),
    context: contextOf(source, text),
    tasks: ['caption'],
    captionStart: 'task',
    captionPrompt: '<CAPTION>' in taskPrompts ? '<CAPTION>' : 'What does the image describe?',
    taskPrompts,
    locations: { ...places, bins: 1000, centre: true, order: 'xyxy', label: 'before' },
    maxNewTokens: 256,
  });
  const { path: encoder } = partOf(source, 'encoder_model');
  const answerStart = [number('decoder_start_token_id') ?? 2, ...(forced === undefined ? [] : [forced])];
  const promptMarks = { start: [language.bos], end: language.eos.slice(0, 1) };
  const generate = { ...language, ...vlm(source, text), encoder, answerStart, promptMarks };
  return { preprocess: fixedPreprocess(processor), generate, reads: 'en' };
}

/** Texts by name, as Florence-2's processor has its tasks. */
function textsOf(settings: Settings, name: string): Record<string, string> {
  const part = settings.value(name);
  if (part === undefined) return {};
  const texts = z.record(z.string(), z.string()).safeParse(part);
  if (texts.success) return texts.data;
  throw settings.wrong(name, 'texts by name');
}
