/** Folders as public exports for transformers.js have them: the manifest made of each, and that it does what the original does. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { importFolder } from '../../src/main/inference/imports/folder.ts';
import type { Manifest, Model } from '../../src/main/inference/model.ts';
import { loadModel } from '../../src/main/inference/registry.ts';
import { onCpu, root } from '../unit/inference-helpers.ts';
import { largestDifference, numbers, tolerance } from './families/parity.ts';
import { publicForm, type PublicForm } from './public-form.ts';

const goldenSchema = z.object({
  photos: z.array(z.object({ pixels: z.string(), embedding: numbers.optional() })),
  texts: z.array(z.object({ text: z.string(), embedding: numbers })).optional(),
  conversations: z
    .array(
      z.object({
        prompt: z.object({
          caption: z.string().exactOptional(),
          question: z.string().exactOptional(),
          history: z.array(z.object({ question: z.string(), answer: z.string() })),
        }),
        photos: z.array(z.object({ greedy: numbers, beam: numbers })),
      }),
    )
    .optional(),
  cases: z
    .array(z.object({ prompt: z.string(), greedy: z.array(numbers), beams: z.array(numbers) }))
    .optional(),
});
type Golden = z.infer<typeof goldenSchema>;
/** What a public export cannot say as our own does, or says otherwise. */
type Differs = (own: Record<'embed' | 'generate', Record<string, unknown>>) => void;

/** The learned temperature is in none of the two graphs. */
const clipScale: Differs = ({ embed }) =>
  (embed['zeroShot'] = { scale: 100, bias: 0, activation: 'softmax' });
const pooledBySiglip: Differs = ({ embed }) => {
  delete embed['zeroShot'];
  embed['outputs'] = { image: 'pooler_output', text: 'pooler_output' };
};
const oneFile: Differs = ({ embed }) => Object.assign(embed, { vision: 'model.onnx', text: 'model.onnx' });
const statesThemselves: Differs = ({ generate }) => {
  delete generate['crossAttention'];
  delete generate['blank'];
  Object.assign(generate, { vision: 'encoder_model.onnx', outputs: { states: 'last_hidden_state' }, width: 24 });
};
const pooled = { image_embeds: 'pooler_output', text_embeds: 'pooler_output' };
/** As Qwen's have it; the tiny one's tokenizer has no such word. */
const begins: PublicForm['edit'] = (settings) =>
  Object.assign(settings['generation_config.json'] ?? {}, { bos_token_id: 1 });
/** Tasks are in the settings of transformers.js, and in the code of transformers. */
const tasks = z
  .object({ generate: z.object({ taskPrompts: z.record(z.string(), z.string()) }) })
  .parse(await readRow('florence2', 'model/model.json')).generate.taskPrompts;
const knowsTasks: PublicForm['edit'] = (settings) =>
  Object.assign(settings['preprocessor_config.json'] ?? {}, {
    task_prompts_without_inputs: tasks,
    task_prompts_with_input: {},
  });

const rows: [row: string, form: PublicForm, ...differs: Differs[]][] = [
  ['clip', {}, clipScale],
  ['siglip', { tensors: pooled }, pooledBySiglip],
  ['siglip2', { tensors: pooled }, pooledBySiglip],
  ['chinese-clip', { joined: true }, clipScale, oneFile],
  ['blip-caption', {}],
  ['blip-answer', {}],
  ['blip-retrieve', {}],
  ['idefics3', {}],
  ['llava', {}],
  ['llava-qwen', { edit: begins }],
  ['qwen2-vl', { edit: begins }],
  ['paligemma', {}],
  ['florence2', { edit: knowsTasks }],
  [
    'vit-gpt2',
    { without: ['vision_encoder.onnx', 'cross_attention.onnx', 'blank_photo.onnx'] },
    statesThemselves,
  ],
];

describe.each(rows)('%s', (row, form, ...differs) => {
  it('is read as its own manifest has it, and gives what the original gives', async () => {
    const folder = await publicForm(row, form);
    const manifest = await written(folder);
    const own = (await readRow(row, 'model/model.json')) as Manifest;
    for (const differ of differs) differ({ embed: own.embed ?? {}, generate: own.generate ?? {} });
    expect(factsOf(manifest)).toEqual(factsOf(own));
    const model = await loadModel(folder, ['vision', 'text', 'generate'], onCpu);
    onTestFinished(() => model.close());
    await sameAsOriginal(model, goldenSchema.parse(await readRow(row, 'golden.json')));
  });
});

/** The manifest of a folder, written into it with the hashes that copying it would find. */
async function written(folder: string): Promise<Manifest> {
  const manifest = await importFolder(folder);
  for (const file of manifest.files) {
    const bytes = await readFile(join(folder, file.path));
    file.sha256 = createHash('sha256').update(bytes).digest('hex');
  }
  await writeFile(join(folder, 'model.json'), JSON.stringify(manifest));
  return manifest;
}

async function readRow(row: string, file: string): Promise<unknown> {
  return JSON.parse(await readFile(join(root, 'test/parity/rows', row, file), 'utf8')) as unknown;
}

/** What a manifest says of the model, apart from the folder of its graphs. */
function factsOf({ preprocess, embed, generate, match }: Manifest): unknown {
  return JSON.parse(JSON.stringify({ preprocess, embed, generate, match }).replaceAll('"onnx/', '"'));
}

/** One photo and all texts: the files are those of the row, whose own test compares the rest. */
async function sameAsOriginal(model: Model, golden: Golden): Promise<void> {
  const [photo] = golden.photos;
  const [seen] = (await model.see?.([new Uint8Array(Buffer.from(photo?.pixels ?? '', 'base64'))])) ?? [];
  let compared = 0;
  if (photo?.embedding) {
    expect(largestDifference(seen?.embedding, photo.embedding)).toBeLessThan(tolerance);
    compared++;
  }
  if (golden.texts && model.embedText) {
    const found = await model.embedText(golden.texts.map(({ text }) => text));
    const expected = golden.texts.map(({ embedding }) => embedding);
    expect(largestDifference(found, expected)).toBeLessThan(tolerance);
    compared++;
  }
  const prefix = seen?.prefix ?? new Float32Array();
  for (const { prompt, photos } of golden.conversations?.slice(0, 2) ?? []) {
    const found = await model.generate?.(prefix, prompt, { beams: 1 });
    expect(found?.tokens).toEqual(photos[0]?.greedy);
    compared++;
  }
  // Rows of a beam are copied: where what they attend to is, a public export has it in another place.
  const talk = golden.conversations?.[1];
  if (talk) {
    const found = await model.generate?.(prefix, talk.prompt, { beams: 3 });
    expect(found?.tokens).toEqual(talk.photos[0]?.beam);
  }
  for (const { prompt, greedy, beams } of golden.cases?.slice(0, 2) ?? []) {
    const { generate } = model.manifest;
    const asks = generate?.family === 'blip' && generate.questionEncoder !== undefined;
    const asked = asks ? { question: prompt } : { caption: prompt };
    const [expected = []] = greedy;
    const found = await model.generate?.(prefix, asked, { beams: 1, maxNewTokens: expected.length });
    expect(found?.tokens).toEqual(expected);
    const [best = []] = beams;
    const wide = await model.generate?.(prefix, asked, { beams: 3, maxNewTokens: best.length });
    expect(wide?.tokens).toEqual(best);
    compared++;
  }
  expect(compared).toBeGreaterThan(0);
}

describe('a folder that cannot be imported', () => {
  it.each<[string, PublicForm, string | undefined, RegExp]>([
    [
      'of another architecture',
      { edit: (all) => Object.assign(all['config.json'] ?? {}, { model_type: 'whisper' }) },
      undefined,
      /config\.json: model_type: expected one of blip, chinese_clip, clip, .*, found "whisper"/,
    ],
    [
      'with a setting of the wrong kind',
      { edit: (all) => Object.assign(all['preprocessor_config.json'] ?? {}, { image_mean: 'grey' }) },
      undefined,
      /preprocessor_config\.json: image_mean: expected three numbers, found "grey"/,
    ],
    ['without the precision asked for', {}, 'q4', /vision_model_q4\.onnx is not there\. .* there is fp32/],
    ['for a precision that is none', {}, 'tiny', /"tiny" is no dtype\. Expected one of fp32, fp16, q4/],
    [
      'whose graph gives something else',
      { tensors: { image_embeds: 'logits' } },
      undefined,
      /vision_model\.onnx: expected an output image_embeds, found logits/,
    ],
  ])('%s is refused by name', async (_, form, dtype, message) => {
    await expect(importFolder(await publicForm('clip', form), { dtype })).rejects.toThrow(message);
  });

  it('with a file that is no ONNX model is refused', async () => {
    const folder = await publicForm('clip');
    await writeFile(join(folder, 'onnx/text_model.onnx'), 'version https://git-lfs.github.com/spec/v1\n');
    await expect(importFolder(folder)).rejects.toThrow(/text_model\.onnx is no ONNX model/);
  });
});

describe('of several precisions', () => {
  const files = ['vision_model', 'text_model'] as const;
  async function withDtypes(...suffixes: string[]): Promise<string> {
    const folder = await publicForm('clip');
    for (const file of files)
      for (const suffix of suffixes)
        await writeFile(
          join(folder, `onnx/${file}${suffix}.onnx`),
          await readFile(join(folder, `onnx/${file}.onnx`)),
        );
    await writeFile(join(folder, 'onnx/text_model_fp16.onnx_data'), 'weights');
    return folder;
  }
  const pathsOf = ({ files: all }: Manifest): string[] =>
    all.map(({ path }) => path).filter((path) => path.startsWith('onnx/'));

  it('the one asked for is taken, with weights beside it, for all parts or for one', async () => {
    const folder = await withDtypes('_fp16', '_quantized');
    const half = await importFolder(folder, { dtype: 'fp16' });
    expect(half.id).toBe('tiny-model-fp16');
    expect(pathsOf(half)).toEqual([
      'onnx/vision_model_fp16.onnx',
      'onnx/text_model_fp16.onnx',
      'onnx/text_model_fp16.onnx_data',
    ]);
    const mixed = await importFolder(folder, { dtype: 'text_model=q8' });
    expect(pathsOf(mixed)).toEqual(['onnx/vision_model.onnx', 'onnx/text_model_quantized.onnx']);
  });

  it('whole numbers are left alone where there is room for better ones', async () => {
    expect(pathsOf(await importFolder(await withDtypes('_fp16', '_quantized')))).toEqual([
      'onnx/vision_model.onnx',
      'onnx/text_model.onnx',
    ]);
  });
});

it.each<[string, string, Record<string, unknown>, Partial<Manifest['preprocess']>]>([
  ['sizes as one number', 'clip', { size: 32, crop_size: 32 }, { width: 32, height: 32, fit: 'cover' }],
  [
    'pixels that are not normalised (MobileCLIP)',
    'clip',
    { do_normalize: false, image_mean: undefined },
    { mean: [0, 0, 0], std: [255, 255, 255] },
  ],
  ['more cells than a computer holds', 'qwen2-vl', { max_pixels: 12_845_056 }, { maxPixels: 576 * 8 * 8 }],
])('reads %s', async (_, row, settings, expected) => {
  const edit: PublicForm['edit'] = (all) => Object.assign(all['preprocessor_config.json'] ?? {}, settings);
  const { preprocess } = await importFolder(await publicForm(row, { edit }));
  expect(preprocess).toMatchObject(expected);
});
