/**
 * Captions chosen among several: the greedy one and some drawn at random, by how well the model's own search side
 * holds them to fit the photo, how likely they are, and how much they agree with each other (consensus as of Devlin
 * et al. 2015, without looking into other photos' captions).
 */
import { dot } from '../lib/vectors.ts';
import type { GenerateOptions, Generated, Manifest, Model, Prompt, Seen } from './model.ts';
import type { CandidateFacts } from './prompt.ts';

/** Runs of words that are compared: single ones up to this many. */
const longestRun = 4;

/** How the model chooses among captions; undefined where it writes one, or has no search side to choose by. */
export function candidateFacts({
  embed,
  generate,
}: Pick<Manifest, 'embed' | 'generate'>): CandidateFacts | undefined {
  return embed && generate && 'captionDecoding' in generate ? generate.captionDecoding.candidates : undefined;
}

/**
 * A caption of each photo with the same prompt, none of them streamed: the best candidate where the model has several,
 * else as its writer has it. The same photo gets the same caption alone and among others.
 */
export async function writeCaptions(
  model: Model,
  photos: readonly Seen[],
  prompt: Prompt,
  options: Pick<GenerateOptions, 'signal'> = {},
): Promise<Generated[]> {
  const prefixes = photos.map(({ prefix = new Float32Array() }) => prefix);
  const greedy = (await model.generateBatch?.(prefixes, prompt, options)) ?? [];
  const facts = candidateFacts(model.manifest);
  const embedText = model.embedText?.bind(model);
  if (!facts || !embedText) return greedy;
  const drawn = (await drawCandidates(model, prefixes, { prompt, options, facts })) ?? [];
  const chosen: Generated[] = [];
  for (const [at, first] of greedy.entries()) {
    const { embedding } = photos[at] ?? {};
    const several = [first, ...drawn.slice(at * facts.count, (at + 1) * facts.count)];
    chosen.push((embedding && (await choose(embedText, embedding, several, facts))) ?? first);
  }
  return chosen;
}

/** `count` texts of each photo, drawn with a seed each. */
async function drawCandidates(
  model: Model,
  prefixes: readonly Float32Array[],
  { prompt, options, facts }: { prompt: Prompt; options: GenerateOptions; facts: CandidateFacts },
): Promise<Generated[] | undefined> {
  const { count, temperature } = facts;
  const rows = prefixes.flatMap((prefix) => Array<Float32Array>(count).fill(prefix));
  const seeds = rows.map((_, row) => row % count);
  const sampling = { temperature, topK: 0, topP: 1, seed: 0, seeds };
  return await model.generateBatch?.(rows, prompt, { ...options, beams: 1, sampling });
}

/** The first of the best. */
async function choose(
  embedText: NonNullable<Model['embedText']>,
  embedding: Float32Array,
  several: readonly Generated[],
  { likelihood, agreement }: CandidateFacts,
): Promise<Generated | undefined> {
  const different = [...Map.groupBy(several, ({ text }) => text).values()];
  const texts = different.map(([one]) => one?.text ?? '');
  const vectors = await embedText(texts);
  const agreed = agreements(
    texts,
    different.map((same) => same.length),
  );
  const scores = different.map(
    ([one], at) =>
      dot(embedding, vectors[at] ?? new Float32Array()) +
      likelihood * Math.log(one?.confidence ?? 0) +
      agreement * (agreed[at] ?? 0),
  );
  return different[scores.indexOf(Math.max(...scores))]?.[0];
}

/**
 * How much each text has in common with all of them, itself included, each counted `often`: the mean over runs of one
 * to four words of 2 x common / (own + other), 0 to 1.
 */
export function agreements(texts: readonly string[], often: readonly number[]): number[] {
  const runs = texts.map(runsOf);
  const total = often.reduce((sum, count) => sum + count, 0);
  return runs.map((own) =>
    runs.reduce((sum, other, at) => sum + ((often[at] ?? 0) / total) * overlap(own, other), 0),
  );
}

/** How often each run of one word, of two, up to four is in the text. */
function runsOf(text: string): Map<string, number>[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return Array.from({ length: longestRun }, (_, more) => {
    const counts = new Map<string, number>();
    for (let at = 0; at + more < words.length; at++) {
      const run = words.slice(at, at + more + 1).join(' ');
      counts.set(run, (counts.get(run) ?? 0) + 1);
    }
    return counts;
  });
}

function overlap(own: readonly Map<string, number>[], other: readonly Map<string, number>[]): number {
  const shares = own.map((counts, size) => {
    const others = other[size] ?? new Map<string, number>();
    const all = sizeOf(counts) + sizeOf(others);
    const common = [...counts].reduce((sum, [run, n]) => sum + Math.min(n, others.get(run) ?? 0), 0);
    return all === 0 ? 0 : (2 * common) / all;
  });
  return shares.reduce((sum, share) => sum + share, 0) / longestRun;
}

function sizeOf(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((sum, n) => sum + n, 0);
}
