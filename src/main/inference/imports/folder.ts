/**
 * Reads a model's folder in the form of onnx-community (for transformers.js) as a manifest: its settings, and one file
 * of each part. Nothing is written, and the folder stays as it is.
 */
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, reasonOf } from '../../../shared/errors.ts';
import { manifestSchema, type Manifest } from '../model.ts';
import { architectureOf } from './architectures.ts';
import { readGraph, type Graph } from './graph.ts';
import { bytesOf, listParts, pickParts, type PartFile, type Parts } from './parts.ts';
import { needSettings, readSettings, Settings } from './settings.ts';
import { readVocabulary, type Source } from './source.ts';

export interface ImportOptions {
  /** A precision for all parts or for some, as `pickParts` has it; by default what is comfortable. */
  dtype?: string | undefined;
  /** The model's id here; of the folder's name by default. */
  id?: string | undefined;
  /** Known SHA-256 by path within the folder, as a hub tells them; a file without one gets ''. */
  hashes?: ReadonlyMap<string, string> | undefined;
  /** What is known of the model and not in its folder. */
  about?:
    Partial<Pick<Manifest, 'name' | 'summary' | 'license' | 'source' | 'reads' | 'memoryMb'>> | undefined;
}

/**
 * What `model.json` says of a folder in the form of onnx-community. Hashes that are not given are '', to be filled in by
 * whoever reads the files next. Throws AppError('model') naming the file and setting that is not as it must be.
 */
export async function importFolder(folder: string, options: ImportOptions = {}): Promise<Manifest> {
  const config = await needSettings(folder, 'config.json');
  const architecture = architectureOf(config);
  const parts = await listParts(folder);
  const picked = pickParts(parts, formOf(parts, architecture.forms), options.dtype);
  const source = await readSource(folder, config, picked);
  const facts = architecture.read(source);
  const files = await filesOf(source, picked, options.hashes);
  const name = basename(folder);
  const summary = `${config.text('model_type') ?? ''}, ${dtypesOf(picked)}`;
  const card = await readCard(folder);
  const manifest: Manifest = {
    format: 1,
    id: options.id ?? idOf(name, options.dtype),
    version: '1',
    name,
    summary,
    license: card.license ?? 'Unknown',
    licenseFile: card.licenseFile,
    source: config.text('_name_or_path') ?? '',
    memoryMb: Math.round((bytesOf([...picked.values()]) / 1e6) * 1.3) + 1,
    files,
    ...facts,
    ...options.about,
  };
  return checked(folder, manifest);
}

/** Only its hashes may be missing yet. */
function checked(folder: string, manifest: Manifest): Manifest {
  const hashed = manifest.files.map((file) => ({ ...file, sha256: file.sha256 || '0'.repeat(64) }));
  const { error } = manifestSchema.safeParse({ ...manifest, files: hashed });
  if (!error) return manifest;
  const issues = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new AppError(
    'model',
    `${folder} cannot be imported: ${issues}. Get the folder again, or another model.`,
  );
}

/** The first form of which every part is there. Throws AppError('model') naming what is missing of the nearest. */
function formOf({ folder, byName }: Parts, forms: readonly (readonly string[])[]): string[] {
  const missing = (form: readonly string[]): string[] =>
    form.filter((name) => !name.startsWith('?') && !byName.has(name));
  const found = forms.find((form) => missing(form).length === 0);
  if (found)
    return found.flatMap((name) =>
      name.startsWith('?') ? [name.slice(1)].filter((n) => byName.has(n)) : name,
    );
  const [nearest = []] = forms.map(missing).sort((a, b) => a.length - b.length);
  const there = [...byName.keys()].join(', ');
  throw new AppError(
    'model',
    `${join(folder, 'onnx')}: expected ${nearest.map((name) => `${name}.onnx`).join(' and ')}; there is ${there}. Get the missing files.`,
  );
}

async function readSource(
  folder: string,
  config: Settings,
  picked: ReadonlyMap<string, PartFile>,
): Promise<Source> {
  const image = await needSettings(folder, 'preprocessor_config.json', 'processor_config.json');
  const tokenizer = await needSettings(folder, 'tokenizer_config.json');
  await needSettings(folder, 'tokenizer.json');
  const graphs = new Map<string, Graph>();
  for (const [name, { path }] of picked) graphs.set(name, await readGraph(join(folder, path)));
  return {
    folder,
    config,
    generation: (await readSettings(folder, 'generation_config.json')) ?? new Settings(config.file, {}),
    processor: image.has('image_processor') ? image.part('image_processor') : image,
    tokenizer,
    vocabulary: await readVocabulary(folder),
    chatTemplate: await chatTemplateOf(folder, tokenizer),
    files: new Map([...picked].map(([name, { path }]) => [name, path])),
    graphs,
  };
}

async function chatTemplateOf(folder: string, tokenizer: Settings): Promise<string | undefined> {
  const names = await readdir(folder);
  if (names.includes('chat_template.jinja')) return 'chat_template.jinja';
  if ((await readSettings(folder, 'chat_template.json'))?.has('chat_template')) return 'chat_template.json';
  return tokenizer.text('chat_template') === undefined ? undefined : 'tokenizer_config.json';
}

async function filesOf(
  source: Source,
  picked: ReadonlyMap<string, PartFile>,
  hashes: ImportOptions['hashes'],
): Promise<Manifest['files']> {
  const texts = [
    'tokenizer.json',
    'tokenizer_config.json',
    ...(source.chatTemplate === undefined ? [] : [source.chatTemplate]),
  ];
  const small = await Promise.all(
    [...new Set(texts)].map(async (path) => ({ path, bytes: (await stat(join(source.folder, path))).size })),
  );
  const all = [...[...picked.values()].flatMap(({ files }) => files), ...small];
  return all.map(({ path, bytes }) => ({ path, sha256: hashes?.get(path) ?? '', bytes }));
}

function dtypesOf(picked: ReadonlyMap<string, PartFile>): string {
  return [...new Set([...picked.values()].map(({ dtype }) => dtype))].join(' and ');
}

/** A model of one folder may be here in several precisions. */
function idOf(name: string, dtype: string | undefined): string {
  const whole = dtype === undefined ? name : `${name}-${dtype.replace(/\w+=/g, '')}`;
  return (
    whole
      .toLowerCase()
      .replace(/[^a-z0-9._]+/g, '-')
      .replace(/^[^a-z0-9]+|-$/g, '') || 'model'
  );
}

/** What a model's card says of its licence, and the file to show as such. */
async function readCard(folder: string): Promise<{ license?: string; licenseFile: string }> {
  const names = await readdir(folder);
  const licenseFile = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'README.md'].find((name) =>
    names.includes(name),
  );
  const card = names.includes('README.md')
    ? await readFile(join(folder, 'README.md'), 'utf8').catch(reasonOf)
    : '';
  const [, license] = /^---\n(?:.*\n)*?license:[ \t]*(\S+)[ \t]*\n/.exec(card) ?? [];
  return { licenseFile: licenseFile ?? 'LICENSE', ...(license !== undefined && { license }) };
}
