/** `npm run bench -- index|search|page|classify`: measures rates side by side in one run, and prints them as a table. */
import process from 'node:process';
import { benchClassify } from './classifying.ts';
import { benchIndex } from './indexing.ts';
import { benchPage } from './page.ts';
import { benchSearch } from './searching.ts';

const suites: Record<string, () => Promise<void>> = {
  index: benchIndex,
  search: benchSearch,
  page: benchPage,
  classify: benchClassify,
};
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(suites)) {
  const suite = suites[name];
  if (!suite) {
    console.error(`bench: expected one of ${Object.keys(suites).join(', ')}, got "${name}"`);
    process.exit(2);
  }
  await suite();
}
