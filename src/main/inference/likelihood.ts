/**
 * How likely given texts are after a photo and a prompt, by any family's decoder.
 *
 * [Note: shared beginnings] The texts are read as one tree: those that begin with the same tokens share a row until
 * they part. So the photo and the prompt are computed once, a template once however many labels fill it, and no row
 * is padded. A text's last token is only looked up, never run.
 */
import { AppError, throwIfAborted } from '../../shared/errors.ts';
import { leavable, pick, type Decoder, type Step } from './generate.ts';
import type { Prompt, Scored, ScoreOptions } from './model.ts';
import { fitPrompt, type FittedPrompt, type Render } from './prompt.ts';
import { logSoftmax } from './sampling.ts';
import { renderOf, type Language } from './writer.ts';

/** Rows of a step; where a tree is wider, its parts are run one after the other from a copy of the cache. */
const rowsAtOnce = 32;

/** A row to be run: it goes on from row `parent` with token `id`, and `texts` begin so. */
interface Branch {
  parent: number;
  id: number;
  texts: number[];
}

/**
 * The sum of log p(token | what is before it) over each text's tokens, for a decoder of one row; natural logarithms.
 * A text without tokens has 0. Throws AppError('aborted') when the caller aborts, at once.
 */
export async function logLikelihoods<Cache>(
  given: Decoder<Cache>,
  texts: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<number[]> {
  const decoder = leavable(given, signal);
  const sums = texts.map(() => 0);
  const told = [...texts.keys()].filter((text) => texts[text]?.length);

  async function descend({ logits, cache }: Step<Cache>, rows: number[][], depth: number): Promise<void> {
    try {
      const branches: Branch[] = [];
      for (const [parent, members] of rows.entries()) {
        const logProbs = logSoftmax(logits[parent] ?? new Float32Array());
        for (const text of members)
          sums[text] = (sums[text] ?? 0) + (logProbs[texts[text]?.[depth] ?? -1] ?? -Infinity);
        const going = members.filter((text) => (texts[text]?.length ?? 0) > depth + 1);
        for (const [id, same] of Map.groupBy(going, (text) => texts[text]?.[depth] ?? -1))
          branches.push({ parent, id, texts: same });
      }
      for (let at = 0; at < branches.length; at += rowsAtOnce) {
        throwIfAborted(signal);
        const chosen = branches.slice(at, at + rowsAtOnce);
        const parents = chosen.map(({ parent }) => parent);
        const last = at + rowsAtOnce >= branches.length;
        const grown = last
          ? await pick(decoder, cache, parents, rows.length)
          : await decoder.select(cache, parents);
        const ids = chosen.map(({ id }) => id);
        await descend(
          await decoder.next(ids, grown),
          chosen.map((branch) => branch.texts),
          depth + 1,
        );
      }
    } finally {
      decoder.free(cache);
    }
  }

  throwIfAborted(signal);
  if (told.length > 0) await descend(await decoder.start(), [told], 0);
  return sums;
}

/** The `score` of a model: see there. Throws AppError('bad-request') where a text does not fit the context. */
export async function scoreTexts<Cache>(
  language: Language<Cache>,
  prefix: Float32Array,
  texts: readonly string[],
  { prompt = {}, prior = false, end = false, onPrompt, signal }: ScoreOptions,
): Promise<Scored[]> {
  if (texts.length === 0) return [];
  const fitted = fitBeside(language, texts, prompt, renderOf(language, prefix));
  onPrompt?.(fitted.text, fitted.droppedTurns);
  const [stop = 0] = language.facts.eos;
  const ids = texts.map((text) => [...tokensAfter(language, fitted, prompt, text), ...(end ? [stop] : [])]);
  const seen = await logLikelihoods(language.decoder([prefix], fitted, prompt), ids, signal);
  const unseen = prior && language.blind && (await logLikelihoods(language.blind(fitted), ids, signal));
  return ids.map((own, text) => ({
    logProbability: seen[text] ?? -Infinity,
    tokens: own.length,
    ...(unseen && { prior: unseen[text] ?? -Infinity }),
  }));
}

/** The prompt with room for the longest text, the end of the text and a space between them included. */
function fitBeside<Cache>(
  { facts, tokenizer }: Language<Cache>,
  texts: readonly string[],
  prompt: Prompt,
  render: Render | undefined,
): FittedPrompt {
  const sizes = texts.map((text) => tokenizer.encode(text, plain).length + 2);
  const longest = Math.max(...sizes);
  const room = facts.context - facts.imageTokens - 1;
  if (longest > room) {
    const start = texts[sizes.indexOf(longest)]?.slice(0, 60) ?? '';
    throw new AppError('bad-request', `The text "${start}…" has ${longest - 2} tokens and ${room - 2} fit.`);
  }
  return fitPrompt(facts, tokenizer, prompt, longest, render);
}

const plain = { addSpecialTokens: false, plain: true } as const;

/**
 * The tokens of `text` where it follows the prompt. Prompt and text are read as one, since that is how a model met
 * them: " dog" is another token than "dog". Where their seam falls inside a token, the text is read by itself.
 */
function tokensAfter<Cache>(
  { facts, tokenizer, continues, render }: Language<Cache>,
  fitted: FittedPrompt,
  prompt: Prompt,
  text: string,
): number[] {
  if (text.trim() === '') return [];
  if (!continues) return tokenizer.encode(text, plain);
  const answers = facts.answerTemplate.slice(0, Math.max(0, facts.answerTemplate.indexOf('{answer}')));
  const blank = /(?:^|\s)$/.test(fitted.text) ? '' : ' ';
  const seam = prompt.question === undefined || render ? blank : answers;
  const joined = /^\s/.test(text) ? text : seam + text;
  const head = tokenizer.encode(fitted.text, plain);
  const whole = tokenizer.encode(fitted.text + joined, plain);
  const follows = head.every((id, at) => whole[at] === id);
  return follows ? whole.slice(head.length) : tokenizer.encode(joined, plain);
}
