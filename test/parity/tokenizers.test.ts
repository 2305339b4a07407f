/** The starter's two tokenizers against `transformers`, over strings that break tokenizers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openTokenizer } from '../../src/main/inference/parts.ts';
import { readManifest } from '../../src/main/inference/registry.ts';
import { loadTokenizer } from '../../src/main/inference/tokenizer.ts';
import { readGolden, starterDir } from '../unit/inference-helpers.ts';

const ids = z.array(z.int());
const rows = z.array(z.object({ text: z.string(), ids, bare: ids, plain: ids })).min(80);
const golden = await readGolden('tokenizers.json', z.object({ search: rows, decoder: rows }));
const { embed, generate } = await readManifest(starterDir);
if (!embed || generate?.family !== 'vlm') throw new Error('The starter embeds and generates.');

describe.each([
  ['search', embed, golden.search],
  ['decoder', generate, golden.decoder],
] as const)('the %s tokenizer', (_, files, expected) => {
  it.each(expected.map((row) => [row.text.slice(0, 60), row] as const))('%j', async (__, row) => {
    const tokenizer = await openTokenizer(starterDir, files);
    expect(tokenizer.encode(row.text, { addSpecialTokens: true, plain: false })).toEqual(row.ids);
    expect(tokenizer.encode(row.text, { addSpecialTokens: false, plain: false })).toEqual(row.bare);
    expect(tokenizer.encode(row.text, { addSpecialTokens: false, plain: true })).toEqual(row.plain);
  });

  it('has strings in which control tokens were typed', () => {
    expect(expected.filter((row) => row.plain.join() !== row.bare.join()).length).toBeGreaterThan(3);
  });
});

it('misses without the normalizer', async () => {
  const read = async (file: string): Promise<object> =>
    JSON.parse(await readFile(join(starterDir, file), 'utf8')) as object;
  const broken = loadTokenizer(
    { ...(await read(embed.tokenizer)), normalizer: null },
    await read(embed.tokenizerConfig),
  );
  const missed = golden.search.filter(
    ({ text, plain }) =>
      broken.encode(text, { addSpecialTokens: false, plain: true }).join() !== plain.join(),
  );
  expect(missed.length).toBeGreaterThan(golden.search.length / 4);
});
