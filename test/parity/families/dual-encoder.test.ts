/** The dual-encoder family against the originals: pixels, ids, embeddings, similarities, zero-shot probabilities. */
import { afterAll, describe, it } from 'vitest';
import { z } from 'zod';
import { queryIds, zeroShot } from '../../../src/main/inference/families/dual-encoder.ts';
import type { Model, Pixels } from '../../../src/main/inference/model.ts';
import { openTokenizer } from '../../../src/main/inference/parts.ts';
import { matrix, numbers, openRow, photoGolden, type Row } from './parity.ts';

const schema = z.object({
  photos: z.array(photoGolden.extend({ embedding: numbers })),
  texts: z.array(z.object({ text: z.string(), ids: numbers, embedding: numbers })),
  logits: matrix,
  probabilities: matrix,
  /** Of a model that also matches: the probability that each photo and text belong together. */
  itm: matrix.optional(),
});
type Golden = z.infer<typeof schema>;

/** What is wrong in a negative control: in the manifest, and whether photos or texts show it. */
type Control = [what: string, shows: 'image' | 'text', edit: (manifest: Edited) => void];
interface Edited {
  preprocess: Record<string, unknown>;
  embed: Record<string, unknown>;
}

const wrongPixels: Control[] = [
  ['another mean', 'image', ({ preprocess }) => (preprocess['mean'] = [160, 60, 127.5])],
  ['another std', 'image', ({ preprocess }) => (preprocess['std'] = [80, 60, 90])],
];

const template: Control = ['a dropped template', 'text', ({ embed }) => (embed['template'] = '{}')];
const cut: Control = ['texts cut three tokens early', 'text', ({ embed }) => (embed['maxTokens'] = 17)];

const rows: [name: string, controls: Control[]][] = [
  ['clip', [...wrongPixels, template, cut]],
  [
    'siglip',
    [
      ...wrongPixels,
      template,
      ['texts that are not cleaned', 'text', ({ embed }) => (embed['canonical'] = false)],
      ['another id to fill up with', 'text', ({ embed }) => (embed['padId'] = 0)],
    ],
  ],
  [
    'siglip2',
    [...wrongPixels, template, ['another id to fill up with', 'text', ({ embed }) => (embed['padId'] = 1)]],
  ],
  ['chinese-clip', [...wrongPixels, cut]],
  ['align', [...wrongPixels, cut]],
  [
    'open-clip-coca',
    [...wrongPixels, template, ['another id to fill up with', 'text', ({ embed }) => (embed['padId'] = 1)]],
  ],
  ['flava', [...wrongPixels, cut]],
];

describe.each(
  await Promise.all(
    rows.map(async ([name, controls]) => ({ name, controls, row: await openRow(name, schema) })),
  ),
)('$name', ({ row, controls }) => {
  afterAll(() => row.close());
  const { golden, model } = row;
  const texts = golden.texts.map(({ text }) => text);
  const images = golden.photos.map(({ embedding }) => embedding);
  const pixels = golden.photos.map((photo): Pixels => new Uint8Array(Buffer.from(photo.pixels, 'base64')));

  it('has the pixels of its image processor', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
  });

  it('embeds photos, alone and in a batch', async () => {
    row.near('image embeddings', await embedImages(model, pixels), images);
    for (const [at, photo] of pixels.entries())
      row.near('image embeddings', await embedImages(model, [photo]), [images[at] ?? []]);
  });

  it('embeds texts by the same ids, alone and in a batch', async () => {
    row.same(
      'token ids',
      await idsOf(row, texts),
      golden.texts.map(({ ids }) => ids),
    );
    const embeddings = golden.texts.map(({ embedding }) => embedding);
    row.near('text embeddings', await model.embedText?.(texts), embeddings);
    for (const [at, text] of texts.entries())
      row.near('text embeddings', await model.embedText?.([text]), [embeddings[at] ?? []]);
  });

  it('compares them as the original does', async () => {
    const found = await compare(model, pixels, texts);
    row.near('similarities', found.logits, golden.logits);
    row.near('probabilities', found.probabilities, golden.probabilities);
  });

  const { itm } = golden;
  if (itm)
    it('matches texts with photos (ITM), and misses by far with what is wrong', async () => {
      row.near('ITM', await matches(model, pixels, texts), itm);
      const alone = await Promise.all(texts.map((text) => matches(model, pixels.slice(0, 1), [text])));
      row.near('ITM', alone.flat(2), itm[0] ?? []);
      row.missed('photos exchanged (ITM)', await matches(model, pixels.toReversed(), texts), itm);
      row.missed('texts exchanged (ITM)', await matches(model, pixels, texts.toReversed()), itm);
      const wrong = await row.edited((manifest) =>
        Object.assign(manifest['match'] as object, { maxTokens: 17 }),
      );
      row.missed('texts cut three tokens early (ITM)', await matches(wrong, pixels, texts), itm);
    });

  it.each(controls)('misses by far with %s', async (what, shows, edit) => {
    const wrong = await row.edited((manifest) => edit(manifest as unknown as Edited));
    const found = await compare(wrong, pixels, texts);
    const embedded = shows === 'image' ? await embedImages(wrong, pixels) : await wrong.embedText?.(texts);
    const expected = shows === 'image' ? images : golden.texts.map(({ embedding }) => embedding);
    row.missed(`${what} (embeddings)`, embedded, expected);
    row.missed(`${what} (similarities)`, found.logits, golden.logits);
  });

  it('misses by far with another scale, red and blue exchanged, or photos upside down', async () => {
    const { embed } = model.manifest;
    const scale = await row.edited((manifest) =>
      Object.assign((manifest['embed'] as Edited['embed'])['zeroShot'] as object, {
        scale: (embed?.zeroShot?.scale ?? 1) * 0.9,
      }),
    );
    row.missed('another scale', (await compare(scale, pixels, texts)).logits, golden.logits);
    const swapped = pixels.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    row.missed('red and blue exchanged', await embedImages(model, swapped), images);
    const turned = pixels.map((photo) => photo.map((_, i) => photo[photo.length - 3 - i + 2 * (i % 3)] ?? 0));
    row.missed('upside down', await embedImages(model, turned), images);
  });
});

async function idsOf({ model, dir }: Row<Golden>, texts: string[]): Promise<number[][]> {
  const { embed } = model.manifest;
  if (!embed) throw new Error('The row embeds.');
  const tokenizer = await openTokenizer(dir, embed);
  return texts.map((text) => queryIds(text, embed, tokenizer));
}

async function embedImages(model: Model, pixels: Pixels[]): Promise<Float32Array[]> {
  const seen = (await model.see?.(pixels)) ?? [];
  return seen.map(({ embedding }) => embedding ?? new Float32Array());
}

async function compare(
  model: Model,
  pixels: Pixels[],
  texts: string[],
): Promise<{ logits: Float32Array[]; probabilities: Float32Array[] }> {
  const { embed } = model.manifest;
  const labels = await model.embedText?.(texts);
  if (!embed || !labels) throw new Error('The row embeds.');
  const found = (await embedImages(model, pixels)).map((image) => zeroShot(embed, image, labels));
  return {
    logits: found.map(({ logits }) => logits),
    probabilities: found.map(({ probabilities }) => probabilities),
  };
}

async function matches(model: Model, pixels: Pixels[], texts: string[]): Promise<number[][]> {
  const found: number[][] = [];
  for (const { prefix = new Float32Array() } of (await model.see?.(pixels)) ?? [])
    found.push(((await model.match?.(prefix, texts)) ?? []).map(({ itm }) => itm ?? NaN));
  return found;
}
