/** Whether single letters act as keys: speech users and others must be able to turn them off (WCAG 2.1.4). */
import { recall, remember } from '../lib/remember.ts';

class KeySettings {
  letters = $state(recall('letters') !== false);

  take(value: unknown): void {
    if (typeof value === 'boolean') this.letters = value;
  }

  setLetters(on: boolean): void {
    this.letters = on;
    remember('letters', on);
  }
}

export const keySettings = new KeySettings();
