/** Light, dark, or as the system is. */
import { recall, remember } from '../lib/remember.ts';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

class CurrentTheme {
  name = $state<Theme>('system');

  constructor() {
    this.take(recall('theme'));
  }

  /** Takes a value that was kept; anything else changes nothing. */
  take(value: unknown): void {
    const found = themes.find((name) => name === value);
    if (!found) return;
    this.name = found;
    document.documentElement.dataset['theme'] = found;
  }

  choose(name: Theme): void {
    this.take(name);
    remember('theme', name);
  }
}

export const theme = new CurrentTheme();
