/**
 * The little Markdown that models write, as data for Svelte to draw: paragraphs, headings, lists, code,
 * bold, italic. There are no links, pictures or HTML: those stay the text they are, so that nothing an
 * answer says can lead anywhere. Every step moves forward through the text, so no text takes long.
 */

export interface Span {
  kind: 'text' | 'bold' | 'italic' | 'code';
  text: string;
}

export type Block =
  | { kind: 'paragraph' | 'heading'; spans: Span[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Span[][] }
  | { kind: 'code'; text: string };

const marks = [
  ['**', 'bold'],
  ['__', 'bold'],
  ['*', 'italic'],
  ['_', 'italic'],
  ['`', 'code'],
] as const;

/** A mark opens before a word and, for `_`, not inside one: `snake_case` is no emphasis. */
function opens(text: string, at: number, mark: string): boolean {
  if (!text.startsWith(mark, at)) return false;
  const next = text[at + mark.length] ?? ' ';
  const before = text[at - 1] ?? ' ';
  if (/\s/.test(next) || (mark.length === 1 && next === mark)) return false;
  return !mark.startsWith('_') || !/[\p{L}\p{N}]/u.test(before);
}

/** Where the mark closes, or -1: after a word, and for a single one not beside its double. */
function closing(text: string, from: number, mark: string): number {
  for (let at = text.indexOf(mark, from); at > 0; at = text.indexOf(mark, at + mark.length)) {
    const after = text[at + mark.length] ?? ' ';
    const apart = mark.length === 2 || after !== mark;
    const inWord = mark.startsWith('_') && /[\p{L}\p{N}]/u.test(after);
    if (at > from && !/\s/.test(text[at - 1] ?? ' ') && apart && !inWord) return at;
  }
  return -1;
}

/** Words with their marks taken off. A mark that never closes is a character like any other. */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const never = new Set<string>();
  let plain = '';
  const put = (): void => {
    if (plain) spans.push({ kind: 'text', text: plain });
    plain = '';
  };
  for (let at = 0; at < text.length;) {
    const [mark, kind] = marks.find(([sign]) => !never.has(sign) && opens(text, at, sign)) ?? [];
    const end = mark ? closing(text, at + mark.length, mark) : -1;
    if (!mark || end < 0) {
      // Nothing further on closes it either: looked for once, not once for each.
      if (mark) never.add(mark);
      else plain += text[at++] ?? '';
      continue;
    }
    put();
    spans.push({ kind, text: text.slice(at + mark.length, end) });
    at = end + mark.length;
  }
  put();
  return spans;
}

const listItem = /^\s{0,8}(?:[-*+•]|(\d{1,6})[.)])\s+(\S.*)$/;
const heading = /^#{1,6}\s+(\S.*)$/;

function blockOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const put = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', spans: spansOf(paragraph.join('\n')) });
    paragraph = [];
  };
  for (const line of lines) {
    const [, number, item] = listItem.exec(line) ?? [];
    const title = heading.exec(line)?.[1];
    if (item === undefined && title === undefined && line.trim() !== '') {
      paragraph.push(line);
      continue;
    }
    put();
    if (title !== undefined) blocks.push({ kind: 'heading', spans: spansOf(title) });
    if (item !== undefined) addItem(blocks, spansOf(item), number);
  }
  put();
  return blocks;
}

function addItem(blocks: Block[], item: Span[], number: string | undefined): void {
  const last = blocks.at(-1);
  const ordered = number !== undefined;
  if (last?.kind === 'list' && last.ordered === ordered) last.items.push(item);
  else blocks.push({ kind: 'list', ordered, start: Number(number ?? 1), items: [item] });
}

/** An answer as blocks; a code fence that is still being said counts as code already. */
export function blocksOf(text: string): Block[] {
  const parts = text.replaceAll('\r\n', '\n').split(/^\s{0,3}```.*$/m);
  return parts.flatMap((part, at): Block[] =>
    at % 2 === 1 ? [{ kind: 'code', text: part.replace(/^\n/, '').trimEnd() }] : blockOf(part.split('\n')),
  );
}
