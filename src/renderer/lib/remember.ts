/**
 * What the page remembers: in the library, since the web host's address changes with each launch,
 * and in the browser, where it is at hand before the engine answers.
 */
import type { SettingKey } from '../../shared/contract.ts';
import { api } from './api.ts';

type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export function remember(key: SettingKey, value: Value): void {
  localStorage.setItem(`iris-${key}`, JSON.stringify(value));
  // Where another Iris holds the library, the browser's own memory has to do.
  api.saveSettings({ key, value }).catch(() => undefined);
}

export function recall(key: SettingKey): unknown {
  try {
    return JSON.parse(localStorage.getItem(`iris-${key}`) ?? 'null') as unknown;
  } catch {
    return null;
  }
}
