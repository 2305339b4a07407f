/** `iris classify FILE LABEL...`: which labels fit a photo, by both kinds of model side by side. */
import path from 'node:path';
import type { Classification, LabelFit } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { eachLine, lines } from './commands.ts';
import { say, withAnyEngine, type Common } from './output.ts';

export interface ClassifyOptions extends Common {
  template?: string;
  model?: string;
  stdin?: true;
}

export async function classify(
  file: string | undefined,
  words: string[],
  options: ClassifyOptions,
): Promise<number> {
  const { template, model, stdin } = options;
  const labels = stdin && file !== undefined ? [file, ...words] : words;
  if (file === undefined || labels.length === 0)
    throw new AppError(
      'bad-request',
      'Expected a photo and labels, such as: iris classify photo.jpg cat dog',
    );
  if (template !== undefined && !template.includes('{}'))
    throw new AppError('bad-request', `Expected {} where the label goes, got the template "${template}".`);
  const args = { labels, ...(template !== undefined && { template }), ...(model !== undefined && { model }) };
  return await withAnyEngine(options, 'iris classify', (engine) =>
    eachLine(stdin ? lines() : [file], stdin ? { ...options, json: true } : options, async (photo) => {
      const found = await engine.classify({ photo: { path: path.resolve(photo) }, ...args });
      if (!stdin && !options.json) say(explanation(found));
      return { text: table(found), json: found };
    }),
  );
}

/** Columns of those kinds of model that there are, the best label first. */
function table({ labels, zeroShot, generative }: Classification): string {
  const columns: [title: string, value: (fit: LabelFit) => number | null][] = [
    ...(zeroShot ? [['zero-shot', (fit: LabelFit) => fit.zeroShot] as const] : []),
    ...(generative ? [['generative', (fit: LabelFit) => fit.generative] as const] : []),
    ...(generative ? [['without prior', (fit: LabelFit) => fit.withoutPrior] as const] : []),
    ...(photoTold(labels) ? [['photo given it', (fit: LabelFit) => fit.photoGiven] as const] : []),
  ].map(([title, value]) => [title, value]);
  const first = columns[0]?.[1] ?? (() => null);
  const width = Math.max(5, ...labels.map(({ label }) => label.length));
  const head = ['label'.padEnd(width), ...columns.map(([title]) => title.padStart(14))];
  const rows = labels
    .toSorted((a, b) => (first(b) ?? 0) - (first(a) ?? 0))
    .map((fit) => [fit.label.padEnd(width), ...columns.map(([, value]) => percent(value(fit)).padStart(14))]);
  return [head, ...rows].map((row) => row.join('  ')).join('\n');
}

/** Whether the model says how likely the photo is, as one does whose photos are tokens. */
const photoTold = (labels: readonly LabelFit[]): boolean => labels.some(({ logPhoto }) => logPhoto !== null);

const percent = (share: number | null): string => `${(100 * (share ?? 0)).toFixed(1)} %`;

/** Where the numbers come from. */
function explanation({ labels, zeroShot, generative }: Classification): string {
  const told: string[] = [];
  if (zeroShot) {
    const { activation, scale, bias, from, model } = zeroShot;
    const whose = from === 'model' ? "the model's own" : 'from what unrelated pairs score';
    told.push(
      `zero-shot: ${activation} of cosine x ${scale.toFixed(1)} + ${bias.toFixed(1)}, ${whose}; ${model}`,
    );
  }
  if (generative) {
    const { prior, model } = generative;
    told.push(`generative: softmax of log p(label | photo); ${model}`);
    told.push(
      `without prior: the same less log p(label) ${prior === 'no photo' ? 'without a photo' : 'for a grey photo'}`,
    );
  }
  if (photoTold(labels)) told.push('photo given it: softmax of log p(photo | label), by the same model');
  return told.join('\n');
}
