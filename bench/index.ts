/** `npm run bench -- index|search|page|classify|commands|embed|write`: measures rates side by side in one run, and prints them as a table. */
import process from 'node:process';
import { benchClassify } from './classifying.ts';
import { benchCommands } from './commands.ts';
import { benchEmbed } from './embedding.ts';
import { benchIndex } from './indexing.ts';
import { benchPage } from './page.ts';
import { benchSearch } from './searching.ts';
import { benchWrite } from './writing.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1'; // before ONNX Runtime is loaded, which the suites do

const suites: Record<string, () => Promise<void>> = {
  index: benchIndex,
  search: benchSearch,
  page: benchPage,
  classify: benchClassify,
};
/** These need models of one's own, and say which. */
const withModels: typeof suites = { commands: benchCommands, embed: benchEmbed, write: benchWrite };
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(suites)) {
  const suite = suites[name] ?? withModels[name];
  if (!suite) {
    console.error(
      `bench: expected one of ${Object.keys({ ...suites, ...withModels }).join(', ')}, got "${name}"`,
    );
    process.exit(2);
  }
  await suite();
}
