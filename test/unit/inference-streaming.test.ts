/** Streaming: the pieces add up to the text, and none ends inside a grapheme, a character or a stop string. */
import { describe, expect, it } from 'vitest';
import { openTextStream } from '../../src/main/inference/streaming.ts';

/** Streams UTF-8 bytes as if each chunk were a token. */
function stream(chunks: readonly Uint8Array[], stop: string[] = []) {
  const pieces: string[] = [];
  const textOf = (tokens: readonly number[]): string =>
    Buffer.concat(tokens.map((token) => chunks[token] ?? new Uint8Array())).toString('utf8');
  const text = openTextStream({ textOf, stop, onText: (piece) => pieces.push(piece) });
  const tokens: number[] = [];
  for (const token of chunks.keys()) {
    tokens.push(token);
    if (text.push(tokens)) break;
  }
  return { pieces, text: text.finish(tokens) };
}

function bytesOf(text: string, size: number): Uint8Array[] {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

function graphemes(text: string): string[] {
  return [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].map(
    ({ segment }) => segment,
  );
}

const texts = [
  'a brown dog is running in the snow',
  'a family 👩‍👩‍👧‍👦 and flags 🇫🇷🇯🇵 and 👍🏽 with ❤️ in the end 🏳️‍🌈',
  '一只棕色的狗在雪地里奔跑。',
  'café nai\u0308ve e\u0301\u0302\u0303',
  '한국어 \u1112\u1161\u11ab नमस्ते',
  'lines\r\nand\ttabs  twice',
];

describe('streaming', () => {
  it.each(texts.flatMap((text) => [1, 2, 3, 5].map((size) => ({ text, size }))))(
    '$text in tokens of $size bytes',
    ({ text, size }) => {
      const { pieces, text: whole } = stream(bytesOf(text, size));
      expect(whole).toBe(text);
      expect(pieces.join('')).toBe(text);
      expect(pieces.flatMap(graphemes)).toEqual(graphemes(text));
      expect(pieces.join('')).not.toContain('\uFFFD');
    },
  );

  it('comes in many pieces', () => {
    expect(stream(bytesOf(texts[2] ?? '', 3)).pieces.length).toBeGreaterThan(10);
    expect(stream(bytesOf(texts[0] ?? '', 3)).pieces.length).toBeGreaterThan(4);
  });

  it('shows bytes that never become a character only at the end', () => {
    const { pieces, text } = stream([Buffer.from('dog '), Uint8Array.of(0xf0, 0x9f)]);
    expect(text).toBe('dog \uFFFD');
    expect(pieces.join('')).toBe(text);
    expect(pieces.slice(0, -1).join('')).not.toContain('\uFFFD');
  });

  it.each([1, 2, 4])('ends before a stop string, none of which is shown (tokens of %i bytes)', (size) => {
    const { pieces, text } = stream(bytesOf('a dog. question: and more', size), ['question:', '\n\n']);
    expect(text).toBe('a dog.');
    expect(pieces.join('')).toBe('a dog.');
  });

  it('goes on when a stop string was only begun', () => {
    const { pieces, text } = stream(bytesOf('a quest for questions: none', 2), ['question:']);
    expect(text).toBe('a quest for questions: none');
    expect(pieces.join('')).toBe(text);
  });

  it('drops white space at the end, also while streaming', () => {
    const { pieces, text } = stream(bytesOf('a dog \n ', 1));
    expect(text).toBe('a dog');
    expect(pieces.join('')).toBe('a dog');
  });

  it('never takes back what it has shown when the decoder joins words', () => {
    const words = ['I', 'I do', "I don't", "I don't know", "I don't know."];
    const pieces: string[] = [];
    const textOf = (tokens: readonly number[]): string => words[tokens.length - 1] ?? '';
    const text = openTextStream({ textOf, onText: (piece) => pieces.push(piece) });
    for (let count = 1; count <= words.length; count++) text.push(Array<number>(count).fill(0));
    expect(text.finish([0, 0, 0, 0, 0])).toBe("I don't know.");
    expect(pieces.join('')).toBe("I don't know.");
  });
});
