/** Which models there are and which one is in use: the first whole one that can search, by name. */
import path from 'node:path';
import type { ModelInfo } from '../../shared/contract.ts';
import { listModels } from '../inference/registry.ts';
import { log } from '../lib/log.ts';

export interface ChosenModel {
  info: ModelInfo;
  dir: string;
}

export interface Chosen {
  all: ModelInfo[];
  model: ChosenModel | null;
  /** Why there is none, for people. */
  notice: string | null;
}

/** A damaged model is named, never loaded; browsing and search by words go on without one. */
export async function chooseModel(modelsDir: string): Promise<Chosen> {
  const models = await listModels(modelsDir);
  for (const model of models)
    if (model.state === 'damaged') log.warn(`Model ${model.id}: ${model.reason ?? ''}`);
  const info = models.find((model) => model.state === 'ready' && model.can.includes('search'));
  if (info) return { all: models, model: { info, dir: path.join(modelsDir, info.id) }, notice: null };
  const damaged = models[0]?.reason;
  return {
    all: models,
    model: null,
    notice: damaged
      ? `The model cannot be used: ${damaged} Photos can be browsed, but not searched by what they show.`
      : `There is no model in ${modelsDir}. Photos can be browsed, but not searched by what they show.`,
  };
}
