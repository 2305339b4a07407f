/** The models on this machine: what is installed, whether it is whole, and loading the parts a process needs. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelInfo } from '../../shared/contract.ts';
import { reasonOf } from '../../shared/errors.ts';
import { openTextEncoder } from './families/dual-encoder.ts';
import { openGenerator } from './families/vlm.ts';
import { filesNeeded, modelVersion, readManifest, verifyFiles } from './manifest.ts';
import type { Manifest, Model, Part } from './model.ts';
import type { Opening } from './parts.ts';
import { openVision } from './vision.ts';

export { modelVersion, readManifest, verifyFiles } from './manifest.ts';

/** The models in `modelsDir`: its folders that have a `model.json`, by name. An absent folder has none. */
export async function listModels(modelsDir: string): Promise<ModelInfo[]> {
  const entries = await readdir(modelsDir, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => !entry.isFile()).map((entry) => entry.name);
  const found = await Promise.all(names.sort().map((name) => describeModel(modelsDir, name)));
  return found.filter((info) => info !== undefined);
}

/** What a person is told of the model in `modelsDir/name`; undefined where that folder is no model's. */
async function describeModel(modelsDir: string, name: string): Promise<ModelInfo | undefined> {
  const dir = join(modelsDir, name);
  const files = await readdir(dir).catch((): string[] => []);
  if (!files.includes('model.json')) return undefined;
  let manifest: Manifest | undefined;
  try {
    manifest = await readManifest(dir);
    await verifyFiles(dir, manifest);
    return { ...facts(manifest), state: 'ready', reason: null };
  } catch (error) {
    return {
      ...(manifest ? facts(manifest) : unknownFacts(name)),
      state: 'damaged',
      reason: reasonOf(error),
    };
  }
}

type Facts = Omit<ModelInfo, 'state' | 'reason'>;

function facts(manifest: Manifest): Facts {
  const { id, name, summary, license, memoryMb } = manifest;
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const can: Facts['can'] = [];
  if (manifest.embed) can.push('search');
  if (manifest.generate) can.push('caption', 'ask', 'chat');
  return { id, version: modelVersion(manifest), name, summary, license, bytes, memoryMb, can };
}

function unknownFacts(name: string): Facts {
  return { id: name, version: '', name, summary: '', license: '', bytes: 0, memoryMb: 0, can: [] };
}

type Member = Partial<Model> & { close(): Promise<void> };

/** Opens what belongs to one part, one after the other; the manifest says which family each is. */
async function* openMembers(part: Part, opening: Opening): AsyncGenerator<Member> {
  const { embed, generate } = opening.manifest;
  if (part === 'vision') yield await openVision(opening);
  if (part === 'text') {
    switch (embed?.family) {
      case 'dual-encoder':
        yield await openTextEncoder(opening, embed);
    }
  }
  if (part === 'generate') {
    switch (generate?.family) {
      case 'vlm':
        yield await openGenerator(opening, generate);
    }
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
  const members: Member[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(members.splice(0).map((member) => member.close()));
  };
  try {
    for (const part of new Set(parts)) {
      for await (const member of openMembers(part, { dir, manifest, options })) members.push(member);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const capabilities: Partial<Model> = Object.assign({}, ...members) as Partial<Model>;
  return { ...capabilities, manifest, version: modelVersion(manifest), provider: options.provider, close };
}
