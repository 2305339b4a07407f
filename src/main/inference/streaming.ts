/** Text that is shown while it is written: only what can no longer change, and never half a character. */

export interface StreamOptions {
  /** The text of the tokens so far; U+FFFD at its end stands for bytes that are not complete yet. */
  textOf: (tokens: readonly number[]) => string;
  /** The text ends before the first of these. */
  stop?: readonly string[] | undefined;
  /** Gets each piece as it is settled; the pieces together are the final text. */
  onText?: ((text: string) => void) | undefined;
}

export interface TextStream {
  /** Whether a stop string is in the text of these tokens. */
  stopped(tokens: readonly number[]): boolean;
  /** Takes all tokens so far and passes on what is settled; true when a stop string was written. */
  push(tokens: readonly number[]): boolean;
  /** Passes on the rest and returns the whole text, without white space at its end. */
  finish(tokens: readonly number[]): string;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export function openTextStream({ textOf, stop = [], onText }: StreamOptions): TextStream {
  let sent = '';
  const send = (text: string): void => {
    // A decoder that rewrites what it gave (joining "do" and "n't") waits for the end.
    if (text.length <= sent.length || !text.startsWith(sent)) return;
    onText?.(text.slice(sent.length));
    sent = text;
  };
  const stopped = (tokens: readonly number[]): boolean =>
    stop.length > 0 && findStop(textOf(tokens), stop) !== undefined;
  return {
    stopped,
    push(tokens) {
      if (stopped(tokens)) return true;
      if (onText) send(settled(textOf(tokens), stop));
      return false;
    },
    finish(tokens) {
      const text = textOf(tokens);
      const whole = text.slice(0, findStop(text, stop)).trimEnd();
      send(whole);
      return whole;
    },
  };
}

/** Where the first stop string begins. */
function findStop(text: string, stop: readonly string[]): number | undefined {
  const places = stop.map((end) => text.indexOf(end)).filter((place) => place >= 0);
  return places.length > 0 ? Math.min(...places) : undefined;
}

/**
 * The part of a growing text that is final. Held back: incomplete bytes, the last grapheme (the next token
 * may join it, as in a family emoji), a space with up to three characters (decoders remove the space before
 * punctuation and endings such as "n't"), and what may become a stop string.
 */
function settled(text: string, stop: readonly string[]): string {
  const complete = text.replace(/\uFFFD+$/u, '');
  const open = Math.min(...stop.map((end) => openStop(complete, end)), complete.length);
  const space = /\s+\S{0,3}$/u.exec(complete.slice(0, open))?.index ?? open;
  const held = segmenter.segment(complete).containing(Math.min(space, complete.length - 1));
  return complete.slice(0, held?.index ?? 0);
}

/** Where a stop string may have begun at the text's end; the text's length if nowhere. */
function openStop(text: string, stop: string): number {
  for (let size = Math.min(stop.length - 1, text.length); size > 0; size--) {
    if (text.endsWith(stop.slice(0, size))) return text.length - size;
  }
  return text.length;
}
