/**
 * How well the starter tells labels apart, by embeddings and by likelihood, and the scale that its cosines need:
 * fitted on Flickr8k's dev photos, judged on its test photos and on ImageNet's. Needs the data folder.
 */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { decode, pixelsFor } from '../src/main/compute/decode.ts';
import type { Model, Seen } from '../src/main/inference/model.ts';
import { loadModel } from '../src/main/inference/registry.ts';
import { logSoftmax } from '../src/main/inference/sampling.ts';
import { places } from '../src/main/lib/places.ts';
import { dot } from '../src/main/lib/vectors.ts';

const data = process.env['IRIS_DATA'] ?? path.join(places.root, '../shared/data');

/** Twenty labels, and a pattern for the classes of ImageNet that each stands for. */
const animals: readonly [label: string, classes: RegExp][] = [
  [
    'dog',
    /chihuahua|maltese|pekinese|shih|spaniel|terrier|ridgeback|hound|bluetick|borzoi|whippet|saluki|weimaraner|schnauzer|retriever|pointer|setter|clumber|kuvasz|malinois|kelpie|komondor|sheepdog|collie|rottweiler|doberman|pinscher|mountain_dog|appenzeller|entlebucher|boxer|bulldog|great_dane|malamute|husky|basenji|pug|pyrenees|samoyed|pomeranian|poodle/i,
  ],
  ['cat', /^(?:tiger|egyptian)_cat$/i],
  [
    'bird',
    /^(?:cock|hen)$|brambling|junco|vulture|owl$|ptarmigan|prairie_chicken|lorikeet|coucal|hornbill|jacamar|drake|merganser|goose|swan|stork|heron|limpkin|gallinule|sandpiper|dowitcher/i,
  ],
  ['fish', /goldfish|barracouta|sturgeon|lionfish/],
  ['shark', /shark/],
  ['frog', /frog/],
  ['lizard', /chameleon|lizard/],
  ['crocodile', /crocodile|alligator$/],
  ['snake', /snake|cobra|viper|diamondback/],
  ['spider', /garden_spider/],
  ['crab', /crab/],
  ['snail', /snail/],
  ['jellyfish', /jellyfish/],
  ['butterfly', /admiral|monarch|butterfly/],
  ['beetle', /beetle|weevil/],
  ['bear', /bear$/],
  ['monkey', /patas|baboon|macaque|langur|colobus|capuchin|monkey/],
  ['wolf', /wolf$/],
  ['fox', /(?:red|grey)_fox/],
  ['rabbit', /rabbit|^hare$|^Angora$/],
];

interface Sample {
  file: string;
  text: string;
}

export async function benchClassify(): Promise<void> {
  if (!existsSync(path.join(data, 'imagenet-samples')))
    throw new Error(`Expected labelled photos in ${data}.`);
  const model = await loadModel(path.join(places.models, 'iris-starter'), ['vision', 'text', 'generate'], {
    provider: 'cpu',
    threads: 2,
  });
  const scale = await fitScale(model, await captioned('dev', 500));
  console.log(`\nLeast cross-entropy of one's own caption among 20, 500 dev photos: cosine x ${scale}`);
  console.log('Right of 100 among 20: one of twenty animals (ImageNet), one own caption (Flickr8k test)');
  console.table({
    'ImageNet, mean of the classes': await tellAnimals(model, 'a {}'),
    Flickr8k: await tellCaptions(model, await captioned('test', 100)),
  });
  await model.close();
}

/** The first caption of each of the first photos of a split. */
async function captioned(split: string, count: number): Promise<Sample[]> {
  const lines = (await readFile(path.join(data, 'flickr8k/captions.tsv'), 'utf8')).split('\n');
  const first = new Map<string, string>();
  for (const line of lines) {
    const [image = '', where, caption = ''] = line.split('\t');
    if (where === split && !first.has(image))
      first.set(image, caption.replace(/\s*\.\s*$/, '').toLowerCase());
  }
  const files = [...first].slice(0, count);
  return files.map(([image, text]) => ({ file: path.join(data, 'flickr8k/images', image), text }));
}

async function look(model: Model, files: readonly string[]): Promise<Required<Seen>[]> {
  const seen: Seen[] = [];
  for (const file of files) {
    const { picture } = await decode(await readFile(file), file);
    seen.push(...((await model.see?.([await pixelsFor(picture, model.manifest.preprocess)])) ?? []));
  }
  return seen as Required<Seen>[];
}

/** Cosines [photo][text] in groups of twenty, a photo's own text at its own place. */
async function cosines(model: Model, samples: readonly Sample[]): Promise<number[][]> {
  const photos = await look(
    model,
    samples.map(({ file }) => file),
  );
  const texts = (await model.embedText?.(samples.map(({ text }) => text))) ?? [];
  return photos.map(({ embedding }, at) => {
    const start = at - (at % 20);
    return texts.slice(start, start + 20).map((text) => dot(embedding, text));
  });
}

async function fitScale(model: Model, samples: readonly Sample[]): Promise<number> {
  const found = await cosines(model, samples);
  const loss = (scale: number): number =>
    found.reduce(
      (sum, row, at) => sum - (logSoftmax(Float32Array.from(row, (x) => scale * x))[at % 20] ?? 0),
      0,
    );
  const scales = Array.from({ length: 100 }, (_, at) => at + 1);
  return scales.reduce((best, scale) => (loss(scale) < loss(best) ? scale : best));
}

interface Told {
  'zero-shot': string;
  generative: string;
  'without prior': string;
}

/** Of rows [photo][label], how often the highest is the truth, as a mean over the classes. */
function share(rows: readonly number[][], truth: readonly number[]): string {
  const right = rows.map((row, at) => (row.indexOf(Math.max(...row)) === truth[at] ? 1 : 0));
  const classes = [...Map.groupBy(truth.keys(), (at) => truth[at]).values()];
  const means = classes.map((own) => own.reduce((sum, at) => sum + (right[at] ?? 0), 0) / own.length);
  return ((100 * means.reduce((a, b) => a + b)) / means.length).toFixed(1);
}

async function tellAnimals(model: Model, template: string): Promise<Told> {
  const names = await readdir(path.join(data, 'imagenet-samples'));
  const known = names.flatMap((name) => {
    const own = animals.findIndex(([, classes]) => classes.test(name.replace(/^n\d+_|\.JPEG$/g, '')));
    return own < 0 ? [] : [{ file: path.join(data, 'imagenet-samples', name), own }];
  });
  const truth = known.map(({ own }) => own);
  const photos = await look(
    model,
    known.map(({ file }) => file),
  );
  const texts = animals.map(([label]) => template.replace('{}', label));
  const vectors = (await model.embedText?.(texts)) ?? [];
  const near = photos.map(({ embedding }) => vectors.map((vector) => dot(embedding, vector)));
  const likely = [];
  for (const { prefix } of photos) likely.push((await model.score?.(prefix, texts, { prior: true })) ?? []);
  console.log(`${photos.length} photos of ImageNet, "${template}"`);
  return told(near, likely, truth);
}

async function tellCaptions(model: Model, samples: readonly Sample[]): Promise<Told> {
  const near = await cosines(model, samples);
  const photos = await look(
    model,
    samples.map(({ file }) => file),
  );
  const likely = [];
  for (const [at, { prefix }] of photos.entries()) {
    const start = at - (at % 20);
    const texts = samples.slice(start, start + 20).map(({ text }) => text);
    likely.push((await model.score?.(prefix, texts, { prior: true, end: true })) ?? []);
  }
  return told(
    near,
    likely,
    samples.map((_, at) => at % 20),
  );
}

function told(
  near: number[][],
  likely: { logProbability: number; prior?: number }[][],
  truth: number[],
): Told {
  const without = likely.map((row) => row.map(({ logProbability, prior = 0 }) => logProbability - prior));
  return {
    'zero-shot': share(near, truth),
    generative: share(
      likely.map((row) => row.map(({ logProbability }) => logProbability)),
      truth,
    ),
    'without prior': share(without, truth),
  };
}
