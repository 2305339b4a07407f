/**
 * Which labels fit a photo: zero-shot by embeddings, and generative, by how likely each label is
 * as its caption, or the photo is after the label.
 */
import type { Args, Classification, LabelFit } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import type {
  FileToRead,
  GenerateLane,
  IndexLane,
  Judged,
  Compared,
  SearchLane,
} from '../compute/messages.ts';
import type { Lane } from '../compute/supervisor.ts';
import { logSoftmax } from '../inference/sampling.ts';
import type { Preprocess } from '../inference/model.ts';
import { pathFields } from '../lib/paths.ts';

export interface ClassifyDeps {
  path: Buffer;
  /** What the index lane makes of the photo's file. */
  read: <T>(path: Buffer, make: (lane: IndexLane, file: FileToRead) => Promise<T>) => Promise<T>;
  /** The models of either kind, where there is one. */
  search: { version: string; lane: Lane<SearchLane> } | null;
  writer: { version: string; preprocess: Preprocess; lane: Lane<GenerateLane> } | null;
}

export async function classify(
  deps: ClassifyDeps,
  { labels, template = '{}' }: Pick<Args<'classify'>, 'labels' | 'template'>,
  signal?: AbortSignal,
): Promise<Classification> {
  if (!deps.search && !deps.writer)
    throw new AppError(
      'model',
      'No model here can tell labels apart. Add one that searches or writes captions.',
    );
  const unique = [...new Set(labels)];
  // A function as replacement, since `$&` in a label is text and not a pattern.
  const texts = unique.map((label) => template.replaceAll('{}', () => label));
  const compared = await compare(deps, texts, signal);
  const judged = await judge(deps, texts, signal);
  return {
    ...pathFields(deps.path),
    labels: fits(unique, texts, compared, judged),
    zeroShot: compared && deps.search ? { model: deps.search.version, ...compared.by } : null,
    generative: judged && deps.writer ? { model: deps.writer.version, prior: judged.prior } : null,
  };
}

async function compare(
  { path, read, search }: ClassifyDeps,
  texts: string[],
  signal?: AbortSignal,
): Promise<Compared | null> {
  if (!search) return null;
  const vector = await read(path, (lane, file) => lane.embed({ file }));
  return await (await search.lane.get()).compare({ vector, texts }, signal);
}

async function judge(
  { path, read, writer }: ClassifyDeps,
  texts: string[],
  signal?: AbortSignal,
): Promise<Judged | null> {
  if (!writer) return null;
  const { preprocess, lane } = writer;
  const pixels = await read(path, (index, file) => index.pixels({ file, preprocess }));
  return await (await lane.get()).score({ look: { pixels }, texts }, signal);
}

function fits(
  labels: string[],
  texts: string[],
  compared: Compared | null,
  judged: Judged | null,
): LabelFit[] {
  const likelihoods = judged?.texts ?? [];
  const generative = shares(likelihoods.map(({ logProbability }) => logProbability));
  const withoutPrior = shares(likelihoods.map(({ logProbability, prior }) => logProbability - prior));
  const photoGiven = shares(judged?.photo ?? []);
  return labels.map((label, at) => ({
    label,
    text: texts[at] ?? label,
    cosine: compared?.cosines[at] ?? null,
    zeroShot: compared?.probabilities[at] ?? null,
    logLikelihood: likelihoods[at]?.logProbability ?? null,
    generative: generative[at] ?? null,
    logPrior: likelihoods[at]?.prior ?? null,
    withoutPrior: withoutPrior[at] ?? null,
    logPhoto: judged?.photo?.[at] ?? null,
    photoGiven: photoGiven[at] ?? null,
  }));
}

function shares(logarithms: number[]): number[] {
  return Array.from(logSoftmax(Float32Array.from(logarithms)), Math.exp);
}
