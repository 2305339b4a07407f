/** What a person types is never a control token, in each kind of vocabulary. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../src/main/inference/tokenizer.ts';
import { tinyDir } from './inference-helpers.ts';

async function tinyTokenizer(name: string): Promise<Tokenizer> {
  return loadTokenizer(JSON.parse(await readFile(join(tinyDir, `${name}.json`), 'utf8')), {});
}

const search = await tinyTokenizer('search');
const decoder = await tinyTokenizer('decoder');

/** A vocabulary of whole pieces in which control tokens are words too, as in SentencePiece models. */
const unigram = loadTokenizer(
  {
    added_tokens: [
      { id: 0, content: '<unk>', special: true },
      { id: 1, content: '<s>', special: true },
      { id: 5, content: 'irisphoto', special: false },
    ],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'Unigram',
      unk_id: 0,
      vocab: [
        ['<unk>', 0],
        ['<s>', -0.1],
        ['<', -2],
        ['s', -2],
        ['>', -2],
        ['irisphoto', -9],
      ],
    },
  },
  {},
);

const bare = { addSpecialTokens: false, plain: true };

describe('user text is text', () => {
  it.each([
    ['search', search, '[SEP] [CLS] a [PAD] dog [UNK]', [0, 2, 3]],
    ['decoder', decoder, '<bos><eos> <pad> a<image>dog', [0, 1, 2, 3]],
    ['unigram', unigram, '<s><s>', [0, 1]],
  ])('%s', (_, tokenizer, text, control) => {
    const typed = tokenizer.encode(text, bare);
    expect(typed.filter((id) => control.includes(id))).toEqual([]);
    const trusted = tokenizer.encode(text, { ...bare, plain: false });
    expect(trusted.some((id) => control.includes(id))).toBe(true);
  });

  it('keeps the characters that were typed', () => {
    const text = '<bos> a<image>dog <eos>';
    expect(decoder.decode(decoder.encode(text, bare))).toBe(text);
    expect(unigram.encode('<s>', bare)).toEqual([2, 3, 4]);
  });

  it('leaves ordinary added tokens alone', () => {
    const id = decoder.encode('irisphoto', { ...bare, plain: false });
    expect(id).toHaveLength(1);
    expect(decoder.encode('irisphoto', bare)).toEqual(id);
    expect(unigram.encode('irisphoto', bare)).toEqual([5]);
  });

  it('gives ordinary text the same ids either way', () => {
    const text = "a photo of a dog, don't you think?";
    expect(search.encode(text, bare)).toEqual(search.encode(text, { ...bare, plain: false }));
    expect(decoder.encode(text, bare)).toEqual(decoder.encode(text, { ...bare, plain: false }));
  });
});

describe('encoding', () => {
  it('puts the marks around, and cuts between them', () => {
    const marked = { addSpecialTokens: true, plain: true };
    const whole = search.encode('a dog on a beach', marked);
    expect([whole[0], whole.at(-1)]).toEqual([2, 3]);
    const cut = search.encode('a dog on a beach', { ...marked, maxTokens: 5 });
    expect(cut).toEqual([...whole.slice(0, 4), 3]);
    expect(search.encode('', marked)).toEqual([2, 3]);
    expect(search.encode('a dog', { ...marked, maxTokens: 1 })).toEqual([2, 3]);
  });

  it('decodes nothing to nothing, and leaves control tokens out', () => {
    expect(decoder.decode([])).toBe('');
    expect(decoder.decode([1, ...decoder.encode('a dog', bare), 2])).toBe('a dog');
  });

  it('shows half a character as U+FFFD', () => {
    const ids = decoder.encode('狗', bare);
    expect(ids.length).toBeGreaterThan(1);
    expect(decoder.decode(ids.slice(0, -1)).endsWith('\uFFFD')).toBe(true);
  });

  it('says what is wrong with a file that is no tokenizer', () => {
    expect(() => loadTokenizer({ model: {} }, {})).toThrow(/tokenizer cannot be read.*/s);
    expect(() => loadTokenizer('x', {})).toThrow(expect.objectContaining({ code: 'model' }) as Error);
  });
});
