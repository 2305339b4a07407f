/** The models on this machine: what is installed, whether it is whole, and loading the parts a process needs. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ModelInfo } from '../../shared/contract.ts';
import { reasonOf } from '../../shared/errors.ts';
import { candidateFacts } from './candidates.ts';
import { openBlip, openMatcher } from './families/blip.ts';
import { openBlip2 } from './families/blip2.ts';
import { openChameleon } from './families/chameleon.ts';
import { openTextEncoder } from './families/dual-encoder.ts';
import { openEndpoint } from './families/endpoint.ts';
import { openAnswerer, openFusionMatcher } from './families/fusion.ts';
import { openGenerator } from './families/vlm.ts';
import { checkSizes, filesNeeded, modelVersion, readManifest, verifyFiles } from './manifest.ts';
import type { Manifest, Model, Part } from './model.ts';
import type { Opening } from './parts.ts';
import { settled } from './generate.ts';
import { openVision } from './vision.ts';

export { checkSizes, modelVersion, readManifest, verifyFiles } from './manifest.ts';
export type { Manifest } from './model.ts';

/** A model's folder, and what is known of it. */
export interface Listed extends Facts {
  dir: string;
  state: 'ready' | 'damaged';
  /** What is wrong with it, for people. */
  reason: string | null;
  /** Null where it cannot be read. */
  manifest: Manifest | null;
}

/**
 * The models in `modelsDir`: its folders that have a `model.json`, by name. An absent folder has none, and
 * hidden ones are models on their way in or out. `thoroughly` compares hashes, else sizes only.
 */
export async function listModels(modelsDir: string, thoroughly = true): Promise<Listed[]> {
  const entries = await readdir(modelsDir, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => !entry.isFile() && !entry.name.startsWith('.'));
  const dirs = names.map((entry) => join(modelsDir, entry.name)).sort();
  const found = await Promise.all(dirs.map((dir) => describeModel(dir, thoroughly)));
  return found.filter((info) => info !== undefined);
}

/** What a person is told of the model in `dir`; undefined where that folder is no model's. */
async function describeModel(dir: string, thoroughly: boolean): Promise<Listed | undefined> {
  const files = await readdir(dir).catch((): string[] => []);
  if (!files.includes('model.json')) return undefined;
  let manifest: Manifest | null = null;
  try {
    manifest = await readManifest(dir);
    if (thoroughly) await verifyFiles(dir, manifest);
    else await checkSizes(dir, manifest);
    return { ...facts(manifest), dir, manifest, state: 'ready', reason: null };
  } catch (error) {
    const known = manifest ? facts(manifest) : unknownFacts(basename(dir));
    return { ...known, dir, manifest, state: 'damaged', reason: reasonOf(error) };
  }
}

export type Facts = Pick<
  ModelInfo,
  'id' | 'version' | 'name' | 'summary' | 'license' | 'bytes' | 'memoryMb' | 'can' | 'sends'
>;

function facts(manifest: Manifest): Facts {
  const { id, name, summary, license, memoryMb } = manifest;
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const can: Facts['can'] = [];
  if (manifest.embed) can.push('search');
  if (manifest.generate) can.push(...abilities(manifest.generate));
  else if (manifest.answer) can.push('ask', 'chat');
  if (manifest.match) can.push('match');
  const sends = manifest.generate?.family === 'endpoint' ? manifest.generate.address : null;
  return { id, version: modelVersion(manifest), name, summary, license, bytes, memoryMb, can, sends };
}

/** A server may serve a model that sees or one that reads only; which of them, it does not say. */
function abilities(generate: NonNullable<Manifest['generate']>): Facts['can'] {
  if (generate.family === 'endpoint') return ['caption', 'ask', 'chat', 'language'];
  return generate.tasks ?? ['caption', 'ask', 'chat'];
}

/** A model of which no more than its name is known. */
export function unknownFacts(name: string): Facts {
  const nothing = { version: '', summary: '', license: '', bytes: 0, memoryMb: 0, can: [], sends: null };
  return { id: name, name, ...nothing };
}

type Member = Partial<Model> & { close(): Promise<void> };

/** Opens what belongs to one part, one after the other; the manifest says which family each is. */
async function* openMembers(part: Part, opening: Opening): AsyncGenerator<Member> {
  const { embed, generate, match, answer } = opening.manifest;
  if (part === 'vision') yield await openVision(opening);
  if (part === 'text' || (part === 'generate' && candidateFacts(opening.manifest))) {
    switch (embed?.family) {
      case 'dual-encoder':
        yield await openTextEncoder(opening, embed);
    }
  }
  if (part === 'generate') {
    const writer = await openWriter(opening, generate);
    if (writer) yield writer;
    switch (match?.family) {
      case 'blip':
        yield await openMatcher(opening, match);
        break;
      case 'fusion':
        yield await openFusionMatcher(opening, match);
    }
    switch (answer?.family) {
      case 'fusion':
        // After the writer, whose questions it takes over.
        yield await openAnswerer(opening, answer, writer);
    }
  }
}

async function openWriter(opening: Opening, generate: Manifest['generate']): Promise<Member | undefined> {
  switch (generate?.family) {
    case 'blip':
      return await openBlip(opening, generate);
    case 'chameleon':
      return await openChameleon(opening, generate);
    case 'vlm':
      return await openGenerator(opening, generate);
    case 'blip2':
      return await openBlip2(opening, generate);
    case 'endpoint':
      return openEndpoint(opening.manifest, generate, opening.dir);
    case undefined:
      return undefined;
  }
}

/**
 * Loads `parts` of the model in `dir` after checking their files' hashes. Throws AppError('model'), with
 * everything closed again, so that it can be tried once more.
 */
export async function loadModel(
  dir: string,
  parts: readonly Part[],
  options: Opening['options'],
): Promise<Model> {
  const manifest = await readManifest(dir);
  await verifyFiles(dir, manifest, filesNeeded(manifest, parts));
  const opening: Opening = { dir, manifest, options, open: new Map() };
  const members: Member[] = [];
  const close = async (): Promise<void> => {
    await settled();
    await Promise.all(members.splice(0).map((member) => member.close()));
  };
  try {
    for (const part of new Set(parts)) {
      for await (const member of openMembers(part, opening)) members.push(member);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const capabilities: Partial<Model> = Object.assign({}, ...members) as Partial<Model>;
  return { ...capabilities, manifest, version: modelVersion(manifest), provider: options.provider, close };
}
