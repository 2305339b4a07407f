/** A job in words: how far it is, how fast, and what came of it. */
import type { Job } from '../../shared/contract.ts';
import { pageWords } from '../lib/words-pages.ts';
import { language } from './language.svelte.ts';

/** `830 / 2,000 · 34 photos/s · 34 s left`, as far as it is known. */
export function progressOf({ kind, done, total, rate, secondsLeft, state }: Job): string {
  const words = language.words;
  const inBytes = kind === 'model';
  const count = (amount: number): string => (inBytes ? language.bytes(amount) : language.number(amount));
  const pace = inBytes
    ? `${language.bytes(rate)}/s`
    : words.job.rate(language.number(rate, rate < 10 ? 1 : 0));
  const parts = [
    total > 0 && `${count(done)} / ${count(total)}`,
    state === 'paused' && pageWords[language.code].jobs.paused,
    state === 'running' && rate > 0 && pace,
    state === 'running' && secondsLeft !== null && words.job.left(words.seconds(secondsLeft)),
  ];
  return parts.filter(Boolean).join(' · ');
}

/** How far the running job is, in whole percent; null until its size is known. */
export function percentOf({ done, total }: Job): number | null {
  return total > 0 ? Math.floor((100 * Math.min(done, total)) / total) : null;
}

/** What came of a job that has ended. */
export function resultOf({ kind, state, report, error, done }: Job): string {
  const words = pageWords[language.code].jobs;
  if (state === 'failed') return error ?? words.state.failed;
  if (kind === 'export') return words.exported(language.number(done));
  if (!report) return words.state[state];
  const { indexed, unchanged, seconds } = report;
  return words.result(language.number(indexed), language.number(unchanged), language.words.seconds(seconds));
}

/** The last part of a path, however its system writes it. */
export function nameOf(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== '') ?? path;
}
