/** Begins to add a model and waits in the middle, to be killed: its first file is written, the next never is. */
import path from 'node:path';
import { copyModel, planCopy } from '../../src/main/services/model-folders.ts';

const [library = '', source = ''] = process.argv.slice(2);
const copy = await planCopy({ folder: source }, path.join(library, 'models'), new Set());
const progress = {
  phase: () => undefined,
  done: () => undefined,
  pass: () =>
    new Promise<void>(() => {
      process.send?.('copying');
      setInterval(() => undefined, 1000); // stays alive
    }),
};
await copyModel(copy, progress, new AbortController().signal);
