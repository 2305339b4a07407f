/** The language in use: its words, numbers, sizes and dates. */
import { dictionaries, languages, type Language, type Messages } from '../lib/i18n.ts';

const storageKey = 'iris-language';

function preferred(): Language {
  const stored = localStorage.getItem(storageKey);
  return (
    languages.find((language) => language === stored) ??
    languages.find((language) => navigator.language.startsWith(language)) ??
    'en'
  );
}

class CurrentLanguage {
  code = $state<Language>(preferred());
  readonly words: Messages = $derived(dictionaries[this.code]);
  /** The person's own region where it speaks this language: 22 Nov or Nov 22. */
  readonly #locale = $derived(
    navigator.languages.find((locale) => locale.startsWith(this.code)) ?? this.code,
  );

  switch(): void {
    this.code = this.code === 'en' ? 'zh' : 'en';
    localStorage.setItem(storageKey, this.code);
  }

  number(value: number, digits = 0): string {
    return new Intl.NumberFormat(this.#locale, { maximumFractionDigits: digits }).format(value);
  }

  /** A model's name without the hash of its weights, which is for the Models page. */
  model(id: string | null): string {
    return id?.split('@', 1)[0] ?? '';
  }

  bytes(bytes: number): string {
    const megabytes = bytes / 1e6;
    return megabytes < 1 ? `${this.number(bytes / 1e3)} KB` : `${this.number(megabytes, 1)} MB`;
  }

  /** A moment of this computer's time, as a day. */
  day(moment: string): string {
    return new Intl.DateTimeFormat(this.#locale, { dateStyle: 'medium' }).format(new Date(moment));
  }

  /** A camera's wall-clock time: shown as written, whatever zone this computer is in. */
  wallClock(time: string): string {
    const date = new Date(`${time.slice(0, 19)}Z`);
    if (Number.isNaN(date.getTime())) return time;
    const format = { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' } as const;
    return new Intl.DateTimeFormat(this.#locale, format).format(date);
  }
}

export const language = new CurrentLanguage();
