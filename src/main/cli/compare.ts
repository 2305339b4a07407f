/** `iris judge` and `iris models compare`: which model finds better what this person searches for. */
import path from 'node:path';
import type { Comparison, RecallAt } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { indexFolders } from './commands.ts';
import { print, printJson, say, withEngine, type Common } from './output.ts';

export const verdicts = ['good', 'bad', 'none'] as const;

export async function judgePhotos(
  query: string,
  verdict: (typeof verdicts)[number],
  files: string[],
  options: Common,
): Promise<number> {
  const photos = files.map((file) => ({ path: path.resolve(file) }));
  const good = verdict === 'none' ? null : verdict === 'good';
  await withEngine(options, 'write', 'iris judge', (engine) => engine.judge({ query, photos, good }));
  if (options.json) printJson({ query, verdict, photos: files.length });
  else print(`${files.length} ${files.length === 1 ? 'photo' : 'photos'} for "${query}": ${verdict}`);
  return 0;
}

export async function compareModels(
  id: string,
  other: string,
  options: Common & { build?: true },
): Promise<number> {
  const found = await withEngine(options, options.build ? 'write' : 'read', 'iris models', async (engine) => {
    for (const model of options.build ? [id, other] : []) {
      const { error, state } = await indexFolders(engine, { captions: false, model });
      if (error !== null) throw new AppError('model', error);
      if (state === 'cancelled') throw new AppError('aborted', 'Cancelled. The same command goes on.');
    }
    return await engine.compareModels({ ids: [id, other] });
  });
  if (options.json) printJson(found);
  else tell(found);
  return 0;
}

const places: readonly RecallAt[] = [1, 5, 10];
const percent = (share: number): string => `${Math.round(100 * share)} %`;

function tell(found: Comparison): void {
  const { searches, photos, refused, unjudged, alike, models, each } = found;
  say(`${searches} searches with ${photos} photos that you said are right; ${refused} said to be wrong.`);
  for (const { name, recall, wrong } of models) {
    const told = places.map((k) => `recall@${k} ${recall === null ? '–' : percent(recall[k])}`);
    print(
      `${name}: ${told.join(', ')}${refused > 0 ? `; ${wrong} of the wrong ones among the first ten` : ''}`,
    );
  }
  for (const { query, photos, recall } of each)
    say(`  ${query} (${photos}): among the first ten ${recall.map(percent).join(' and ')}`);
  if (alike !== null) say(`Of the first ten, ${percent(alike)} are the same with both.`);
  if (unjudged > 0) say(`${unjudged} saved searches have no thumbs: iris judge QUERY good FILE...`);
  print(verdict(found));
}

/** What may be concluded, and no more. */
function verdict({ models, better, wins, p, searches }: Comparison): string {
  const split = `${models[0]?.name ?? ''} did ${wins[0]} searches better, ${models[1]?.name ?? ''} ${wins[1]}`;
  if (better !== null)
    return `${models.find(({ id }) => id === better)?.name ?? better} finds better: ${split} (by chance: p = ${p.toFixed(3)}).`;
  if (searches === 0) return 'Nothing to compare by: no photo was said to be right for any search.';
  if (wins[0] + wins[1] < 6) return `Too few to tell: ${split}; at least six must differ.`;
  return `No clear difference: ${split} (p = ${p.toFixed(2)}).`;
}
