/** The page's one door to the engine. */
import type { Api } from '../../shared/contract.ts';
import { httpClient } from '../../shared/http.ts';

/** The host lets the page in by its cookie. */
export const api: Api = httpClient('');

export function thumbnailUrl(photoId: number): string {
  return `/thumbnail/${photoId}`;
}
