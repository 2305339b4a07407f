/** Every word of the page; each language's dictionary is complete by this type. */
import { en } from './i18n-en.ts';
import { zh } from './i18n-zh.ts';
import type { Job, Why } from '../../shared/contract.ts';

export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

export interface Messages {
  otherLanguage: string;
  search: {
    label: string;
    hint: string;
    clear: string;
    likely: string;
    weaker: string;
    waiting: (n: string) => string;
  };
  searched: (n: number, count: string) => string;
  why: Record<Why['kind'] | 'weak', string>;
  nothing: {
    likely: (query: string) => string;
    title: (query: string) => string;
    help: string;
    examples: string;
  };
  library: {
    title: string;
    all: string;
    folders: string;
    empty: string;
    offline: string;
    offlineHelp: string;
    menu: string;
    close: string;
  };
  counts: (n: number, photos: string, searchable: string) => string;
  waiting: (n: number, count: string) => string;
  first: { title: string; text: string; steps: string[] };
  add: { open: string; label: string; hint: string; submit: string; adding: string; help: string };
  job: Record<Job['phase'], string> & {
    progress: string;
    rate: (rate: string) => string;
    left: (time: string) => string;
    cancel: string;
    done: (n: number, count: string, time: string) => string;
    cancelled: string;
    failed: string;
  };
  failures: (n: number, count: string) => string;
  failuresUnnamed: string;
  lookAgain: string;
  skipped: (n: number, count: string) => string;
  tile: Record<'waiting' | 'failed', string>;
  photo: { panel: string; close: string; failed: string; waiting: string; missing: string; loading: string };
  caption: {
    title: string;
    thinks: string;
    yours: string;
    none: string;
    write: string;
    edit: string;
    save: string;
    cancel: string;
    label: string;
    describe: string;
    describing: string;
    again: string;
    prompt: string;
    promptLabel: string;
    promptHint: string;
    earlier: (n: number) => string;
    by: (model: string, date: string) => string;
    you: (date: string) => string;
    prompted: (prompt: string) => string;
  };
  chat: {
    title: string;
    you: string;
    label: string;
    hint: string;
    send: string;
    stop: string;
    again: string;
    clear: string;
    clearSure: string;
    yes: string;
    no: string;
    sent: string;
    dropped: (n: number) => string;
    likeliest: string;
    stopped: string;
    asCaption: string;
    asked: string;
    suggestions: string[];
  };
  details: {
    title: string;
    taken: string;
    size: string;
    camera: string;
    lens: string;
    exposure: string;
    place: string;
    file: string;
    missing: string;
  };
  keys: { title: string; open: string; close: string; letters: string; list: [string, string][] };
  comma: string;
  /** `Caption: dog`, as the language writes it. */
  colon: (name: string, what: string) => string;
  retry: string;
  lost: string;
  readOnly: string;
  seconds: (seconds: number) => string;
}

export const dictionaries: Record<Language, Messages> = { en, zh };
