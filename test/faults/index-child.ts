/** Indexes a folder until it is killed: node index-child.ts LIBRARY FOLDER MODELS. Prints a line when it begins. */
import { createEngine } from '../../src/main/engine.ts';

const [library = '', folder = '', modelsDir = ''] = process.argv.slice(2);
const engine = await createEngine({ library, access: 'write', holder: 'a run to be killed', modelsDir });
await engine.index({ folders: [folder], captions: false });
process.stdout.write('begun\n');
