/** The fusion family against transformers: pixels, ids, scores of every answer, the likeliest, and texts that match. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ChatEvent } from '../../../src/shared/contract.ts';
import type { Model, Pixels } from '../../../src/main/inference/model.ts';
import { openTokenizer } from '../../../src/main/inference/parts.ts';
import { logSoftmax } from '../../../src/main/inference/sampling.ts';
import { scratch, withEngine } from '../../engine/helpers.ts';
import { failureOf, root } from '../../unit/inference-helpers.ts';
import { matrix, numbers, openRow, photoGolden } from './parity.ts';

const schema = z.object({
  photos: z.array(photoGolden),
  texts: z.array(z.object({ text: z.string(), ids: numbers })),
  /** The scores of each photo's texts, in this order; for a matching row one score each. */
  logits: matrix,
  /** The three likeliest answers. */
  best: z.array(z.array(z.string())),
  /** Scores that the original gives the first photo and text when it is wrong in one thing. */
  wrong: z.array(z.object({ what: z.string(), logits: numbers })),
});
type Edited = Record<'preprocess' | 'answer' | 'match', Record<string, unknown>>;

const rows = await Promise.all(
  (['vilt-answer', 'vilt-match'] as const).map(async (name) => ({ name, row: await openRow(name, schema) })),
);

describe.each(rows)('$name', ({ row }) => {
  afterAll(() => row.close());
  const { golden, model, dir } = row;
  const { answer, match } = model.manifest;
  const facts = answer ?? match;
  if (!facts) throw new Error('The row answers or matches.');
  const texts = golden.texts.map(({ text }) => text);
  const pixels = golden.photos.map((photo): Pixels => new Uint8Array(Buffer.from(photo.pixels, 'base64')));
  // Of answers, only their probabilities are shown, which say as much as scores less a number.
  const scores = (logits: number[]): number[] => (answer ? [...logSoftmax(Float32Array.from(logits))] : logits);
  const expected = golden.logits.map(scores);

  it('has the pixels of its image processor, of the one size', async () => {
    for (const photo of golden.photos) await row.pixels(photo);
  });

  it('reads texts by the same ids, marks that were typed as characters', async () => {
    const tokenizer = await openTokenizer(dir, facts);
    const { maxTokens } = facts;
    const ids = texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true, plain: true, maxTokens }));
    row.same('token ids', ids, golden.texts.map((text) => text.ids));
  });

  it('gives the same scores, of photos and texts alone and together', async () => {
    row.near('scores', await scoresOf(model, pixels, texts), expected);
    const [alone] = await scoresOf(model, pixels.slice(0, 1), texts.slice(0, 1));
    row.near('scores', alone, expected[0] ?? []);
  });

  it.runIf(answer)('answers with the likeliest, and says how likely', async () => {
    const [photo] = (await model.see?.(pixels)) ?? [];
    const prefix = photo?.prefix ?? new Float32Array();
    for (const [at, text] of texts.entries()) {
      const known = await model.answers?.(prefix, text);
      row.same('answers', known?.slice(0, 3).map((one) => one.text), golden.best[at]);
      expect(known?.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
      const told = await model.generate?.(prefix, { question: text, history: [{ question: 'a', answer: 'b' }] });
      const [best] = known ?? [];
      expect(told).toMatchObject({ text: best?.text, confidence: best?.probability, sent: text.trim(), droppedTurns: 1 });
      expect(told?.answers).toEqual(known?.slice(0, 5));
    }
    expect(await failureOf(model.generate?.(prefix, { caption: '' }) ?? Promise.resolve())).toMatchObject({
      message: expect.stringContaining('Ask it one') as string,
    });
  });

  it.runIf(answer)('reads the turns before a question where the manifest says how, as many as there is room for', async () => {
    const talks = await row.edited((manifest) =>
      Object.assign((manifest as unknown as Edited).answer, { turnTemplate: '{question} {answer} ' }),
    );
    const [{ prefix = new Float32Array() } = {}] = (await talks.see?.(pixels)) ?? [];
    const history = [
      { question: ' $& dogs', answer: 'two' },
      { question: 'cats', answer: 'no' },
    ];
    const told = await talks.generate?.(prefix, { question: 'children', history });
    expect(told).toMatchObject({ sent: '$& dogs two cats no children', droppedTurns: 0 });
    expect(told?.answers).toEqual((await talks.answers?.(prefix, told?.sent ?? ''))?.slice(0, 5));
    const long = [{ question: 'dogs '.repeat(facts.maxTokens), answer: 'two' }, ...history.slice(1)];
    const cut = await talks.generate?.(prefix, { question: 'children', history: long });
    expect(cut).toMatchObject({ sent: 'cats no children', droppedTurns: 1 });
  });

  it.runIf(answer)('asks a question with a pronoun after the turn that says what is meant, and any other by itself', async () => {
    const talks = await row.edited((manifest) =>
      Object.assign((manifest as unknown as Edited).answer, {
        turnTemplate: '{question} {answer} ',
        pronouns: ['it', 'they'],
      }),
    );
    const [{ prefix = new Float32Array() } = {}] = (await talks.see?.(pixels)) ?? [];
    const history = ['dogs', 'are they children', 'Is it?'].map((question) => ({ question, answer: 'no' }));
    const sent = async (question: string, turns: typeof history): Promise<unknown[]> => {
      const told = await talks.generate?.(prefix, { question, history: turns });
      return [told?.sent, told?.droppedTurns];
    };
    expect(await sent('cats, they?', history)).toEqual(['dogs no cats, they?', 0]);
    expect(await sent('It', history.slice(1))).toEqual(['Is it? no It', 0]);
    expect(await sent('cats with bits', history)).toEqual(['cats with bits', 0]);
  });

  it.runIf(answer)('takes what the question alone would be answered away from what it is after its turns', async () => {
    const contrast = 0.6;
    const facts = { turnTemplate: '{question} {answer} ', contrast };
    const talks = await row.edited((manifest) => Object.assign((manifest as unknown as Edited).answer, facts));
    const [{ prefix = new Float32Array() } = {}] = (await talks.see?.(pixels)) ?? [];
    const logs = async (text: string): Promise<Map<string, number>> =>
      new Map((await talks.answers?.(prefix, text))?.map((one) => [one.text, Math.log(one.probability)]));
    const history = [{ question: 'dogs', answer: 'two' }];
    const [after, alone] = [await logs('dogs two children'), await logs('children')];
    const least = Math.max(...after.values()) - 4;
    const close = [...after].filter(([, log]) => log >= least);
    expect(close.length).toBeGreaterThan(5);
    const floor = Math.max(...alone.values()) - 4;
    const less = (text: string): number => contrast * Math.max(alone.get(text) ?? 0, floor);
    const scores = close.map(([text, log]) => ({ text, score: log - less(text) }));
    scores.sort((a, b) => b.score - a.score);
    const total = scores.reduce((sum, { score }) => sum + Math.exp(score), 0);
    const told = await talks.generate?.(prefix, { question: 'children', history });
    expect(told?.sent).toBe('dogs two children');
    expect(told?.answers?.map(({ text }) => text)).toEqual(scores.slice(0, 5).map(({ text }) => text));
    row.near(
      'probabilities',
      [told?.answers?.map(({ probability }) => probability) ?? []],
      [scores.slice(0, 5).map(({ score }) => Math.exp(score) / total)],
    );
    const first = await talks.generate?.(prefix, { question: 'children' });
    expect(first?.answers).toEqual((await talks.answers?.(prefix, 'children'))?.slice(0, 5));
  });

  it('misses by far with wrong pixels, photos exchanged, or texts exchanged', async () => {
    const swapped = pixels.map((photo) => photo.map((_, i) => photo[i - (i % 3) + (2 - (i % 3))] ?? 0));
    row.missed('red and blue exchanged', await scoresOf(model, swapped, texts), expected);
    row.missed('photos exchanged', await scoresOf(model, pixels.toReversed(), texts), expected);
    row.missed('texts exchanged', await scoresOf(model, pixels, texts.toReversed()), expected);
    for (const [what, change] of [
      ['another mean', { mean: [120, 100, 140] }],
      ['another std', { std: [100, 127, 150] }],
    ] as const) {
      const wrong = await row.edited((manifest) =>
        Object.assign((manifest as unknown as Edited).preprocess, change),
      );
      row.missed(what, await scoresOf(wrong, pixels, texts), expected);
    }
  });

  it.each(golden.wrong)('is not the original with $what', async ({ what, logits }) => {
    row.missed(what, (await scoresOf(model, pixels.slice(0, 1), texts.slice(0, 1)))[0], scores(logits));
  });
});

describe('a model that knows its answers, in the engine', () => {
  it('answers a person with the likeliest and their probabilities', async () => {
    const models = { modelsDir: join(root, 'test/parity/rows/vilt-answer') };
    const photo = { path: join(root, 'test/parity/photos/wide.png') };
    await withEngine({ library: scratch(), ...models }, async (engine) => {
      const told = await engine.ask({ photo, question: 'what colour is the dog?' });
      expect(told.answers).toHaveLength(5);
      expect([told.answer, told.confidence]).toEqual(Object.values(told.answers?.[0] ?? {}));
      const events: ChatEvent[] = [];
      for await (const event of engine.chat({ photo, text: told.question })) events.push(event);
      expect(events).toMatchObject([
        { type: 'delta', text: told.answer },
        { type: 'done', message: { text: told.answer, answers: told.answers } },
      ]);
    });
  });
});

/** Of each photo's texts: the logarithm of every answer's probability in the model's own order, or the matching score. */
async function scoresOf(model: Model, photos: Pixels[], texts: string[]): Promise<number[][]> {
  const found: number[][] = [];
  for (const { prefix = new Float32Array() } of (await model.see?.(photos)) ?? []) {
    for (const text of texts) {
      const known = await model.answers?.(prefix, text);
      if (known) found.push(inOrder(known).map(({ probability }) => Math.log(probability)));
    }
    const matched = await model.match?.(prefix, texts);
    found.push(...(matched ?? []).map(({ itm = NaN }) => [Math.log(itm / (1 - itm))]));
  }
  return found;
}

const counts = ['no', 'one', 'two', 'three'];
const things = ['dogs', 'children', 'cats', '红 [SEP]'];
const order = counts.flatMap((count) => things.map((thing) => `${count} ${thing}`));

function inOrder<T extends { text: string }>(answers: T[]): T[] {
  return answers.toSorted((a, b) => order.indexOf(a.text) - order.indexOf(b.text));
}
