/** The message of anything thrown, for the person who reads it. */
import { AppError, reasonOf as plain } from '../../shared/errors.ts';
import { language } from './language.svelte.ts';

export function reasonOf(error: unknown): string {
  return language.reason(plain(error), error instanceof AppError ? error.code : undefined);
}
