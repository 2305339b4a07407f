/** Entry of every compute process: builds its lane and answers messages until the parent is gone. */
import { connectParent } from './ports.ts';
import { serve } from '../../shared/rpc.ts';
import type { Model, Part } from '../inference/model.ts';
import { rssExitCode, type LaneConfig } from './messages.ts';

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
  return await loadModel(config.modelDir, parts, { provider: config.provider, threads: config.threads });
}

async function createLane(): Promise<object> {
  switch (config.lane) {
    case 'index':
      return (await import('./index-lane.ts')).createIndexLane(modelLoader(['vision']));
    case 'search': {
      const { libraryExists, openLibrary } = await import('../store/database.ts');
      const db = libraryExists(config.library)
        ? openLibrary(config.library, 'read')
        : openLibrary(config.library, 'memory');
      return (await import('./search-lane.ts')).createSearchLane(db, modelLoader(['text']));
    }
    case 'generate':
      return (await import('./generate-lane.ts')).createGenerateLane(modelLoader(['vision', 'generate']));
    case 'probe':
      return (await import('./probe-lane.ts')).createProbeLane(config);
  }
}

// A decoder that eats memory must kill this process, not the machine.
setInterval(() => {
  if (process.memoryUsage.rss() > config.maxRssMb * 1e6) process.exit(rssExitCode);
}, rssCheckMs).unref();

serve(await createLane(), connectParent());
