/** Entry of every compute process: builds its lane and answers messages until the parent is gone. */
import os from 'node:os';
import { connectParent } from './ports.ts';
import { serve } from '../../shared/rpc.ts';
import type { Model, Part } from '../inference/model.ts';
import type { ReadDb } from '../store/database.ts';
import { faultExitCode, rssExitCode, type LaneConfig } from './messages.ts';

const rssCheckMs = 250;

const config = JSON.parse(process.argv[2] ?? '{}') as LaneConfig;

/** The lane's model, loaded at first use; a failed load is tried again at the next. */
function modelLoader(parts: Part[]): () => Promise<Model | undefined> {
  let loading: Promise<Model | undefined> | undefined;
  return () => {
    loading ??= load(parts).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

async function load(parts: Part[]): Promise<Model | undefined> {
  if (!config.modelDir) return undefined;
  const { loadModel } = await import('../inference/registry.ts');
  const { modelDir, provider, threads } = config;
  const model = await loadModel(modelDir, parts, { provider, threads });
  if (provider === 'cpu') return model;
  const { guarded } = await import('../inference/provider.ts');
  return guarded(model, () => process.exit(faultExitCode));
}

async function openReader(): Promise<ReadDb> {
  const { libraryExists, openLibrary } = await import('../store/database.ts');
  const { library } = config;
  return libraryExists(library) ? openLibrary(library, 'read') : openLibrary(library, 'memory');
}

async function createLane(): Promise<object> {
  switch (config.lane) {
    case 'index':
      return (await import('./index-lane.ts')).createIndexLane(modelLoader(['vision']));
    case 'search':
      return (await import('./search-lane.ts')).createSearchLane(await openReader(), modelLoader(['text']));
    case 'browse':
      return (await import('./browse-lane.ts')).createBrowseLane(await openReader());
    case 'generate':
      return (await import('./generate-lane.ts')).createGenerateLane(modelLoader(['vision', 'generate']));
    case 'probe':
      return (await import('./probe-lane.ts')).createProbeLane(config);
  }
}

// A person's search goes ahead of an import and of captions, which may take hours.
if (config.lane === 'index' || config.lane === 'generate')
  os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);

// A decoder that eats memory must kill this process, not the machine.
setInterval(() => {
  if (process.memoryUsage.rss() > config.maxRssMb * 1e6) process.exit(rssExitCode);
}, rssCheckMs).unref();

serve(await createLane(), connectParent());
