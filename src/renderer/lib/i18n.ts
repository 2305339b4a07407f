/** The page's words in every language. */
import { en, type Messages } from './i18n-en.ts';
import { zh } from './i18n-zh.ts';

export type { Messages };

export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

export const dictionaries: Record<Language, Messages> = { en, zh };
