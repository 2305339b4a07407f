/**
 * Which `model_type` of transformers becomes which family of Iris: the parts that its exports for transformers.js
 * have (https://github.com/huggingface/transformers.js), and what its settings say.
 */
import { blip, blipMatch, captioner } from './blip.ts';
import { chineseClip, clip, siglip } from './embedders.ts';
import type { Settings } from './settings.ts';
import type { Facts, Source } from './source.ts';
import { florence, llava, paligemma, patched, tiled } from './writers.ts';

export interface Architecture {
  /** The parts of each form in which it is exported, the better form first; those after `?` may be missing. */
  forms: readonly (readonly string[])[];
  read(source: Source): Facts;
}

const split = [['vision_model', 'text_model'], ['model']];
const written = [['vision_encoder', 'embed_tokens', 'decoder_model_merged']];
const encoded = [['vision_encoder', 'embed_tokens', 'encoder_model', 'decoder_model_merged']];
/** No export for transformers.js: the parts are those of models/export. */
const blips = [
  ['vision_model', 'text_model', 'match_model'],
  ['vision_model', 'cross_attention', 'decoder_model_merged', '?blank_photo', '?question_encoder'],
];

const architectures: Readonly<Record<string, Architecture>> = {
  blip: { forms: blips, read: (source) => (source.files.has('match_model') ? blipMatch : blip)(source) },
  chinese_clip: { forms: split, read: chineseClip },
  clip: { forms: split, read: clip },
  florence2: { forms: encoded, read: florence },
  idefics3: { forms: written, read: tiled },
  llava: { forms: written, read: llava },
  paligemma: { forms: written, read: paligemma },
  qwen2_vl: { forms: written, read: patched },
  qwen2_5_vl: { forms: written, read: patched },
  siglip: { forms: split, read: siglip },
  smolvlm: { forms: written, read: tiled },
  'vision-encoder-decoder': { forms: [['encoder_model', 'decoder_model_merged']], read: captioner },
};

/** The architecture of a folder's config. Throws AppError('model') listing those that there are. */
export function architectureOf(config: Settings): Architecture {
  const type = config.text('model_type') ?? '';
  const found = Object.hasOwn(architectures, type) ? architectures[type] : undefined;
  if (found) return found;
  throw config.wrong('model_type', `one of ${Object.keys(architectures).join(', ')}`);
}
