/** The language in use: its words, numbers, sizes and dates. */
import type { ErrorCode } from '../../shared/errors.ts';
import { chineseReason } from '../lib/words-reasons.ts';
import { dictionaries, languages, type Language, type Messages } from '../lib/i18n.ts';
import { recall, remember } from '../lib/remember.ts';

function preferred(): Language {
  const stored = recall('language');
  return (
    languages.find((language) => language === stored) ??
    languages.find((language) => navigator.language.startsWith(language)) ??
    'en'
  );
}

/** Keeps what `make` has made: a formatter takes a hundred times as long to make as to use. */
function keeping<Options, Format>(
  make: (locale: string, options: Options) => Format,
): (locale: string, options: Options) => Format {
  const made = new Map<string, Format>();
  return (locale, options) => {
    const key = `${locale} ${JSON.stringify(options)}`;
    const format = made.get(key) ?? make(locale, options);
    made.set(key, format);
    return format;
  };
}

type DateOptions = Intl.DateTimeFormatOptions;
const dates = keeping((locale, options: DateOptions) => new Intl.DateTimeFormat(locale, options));
const numbers = keeping((locale, digits: number) => {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
});

class CurrentLanguage {
  code = $state<Language>(preferred());
  readonly words: Messages = $derived(dictionaries[this.code]);
  /** The person's own region where it speaks this language: 22 Nov or Nov 22. */
  readonly #locale = $derived(
    navigator.languages.find((locale) => locale.startsWith(this.code)) ?? this.code,
  );

  take(value: unknown): void {
    this.code = languages.find((language) => language === value) ?? this.code;
  }

  choose(code: Language): void {
    this.code = code;
    remember('language', code);
  }

  switch(): void {
    this.choose(this.code === 'en' ? 'zh' : 'en');
  }

  number(value: number, digits = 0): string {
    return numbers(this.#locale, digits).format(value);
  }

  /** What the engine says went wrong, in the reader's language where it is known. */
  reason(text: string, code?: ErrorCode): string {
    return this.code === 'zh' ? chineseReason(text, code) : text;
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
    return dates(this.#locale, { dateStyle: 'medium' }).format(new Date(moment));
  }

  /** A year, month or day written as `2024`, `2024-06` or `2024-06-30`, in words. */
  date(key: string): string {
    const [year, month, day] = key.split('-').map(Number);
    const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day ?? 1));
    if (Number.isNaN(date.getTime())) return key;
    const format: Intl.DateTimeFormatOptions = {
      year: 'numeric',
      timeZone: 'UTC',
      ...(month && { month: 'long' }),
      ...(day && { day: 'numeric', weekday: 'long' }),
    };
    return dates(this.#locale, format).format(date);
  }

  /** A camera's wall-clock time: shown as written, whatever zone this computer is in. */
  wallClock(time: string): string {
    const date = new Date(`${time.slice(0, 19)}Z`);
    if (Number.isNaN(date.getTime())) return time;
    const format = { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' } as const;
    return dates(this.#locale, format).format(date);
  }
}

export const language = new CurrentLanguage();
