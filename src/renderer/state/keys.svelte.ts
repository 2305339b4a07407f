/** Whether single letters act as keys: speech users and others must be able to turn them off (WCAG 2.1.4). */
const storageKey = 'iris-letter-keys';

class KeySettings {
  letters = $state(localStorage.getItem(storageKey) !== 'off');

  setLetters(on: boolean): void {
    this.letters = on;
    localStorage.setItem(storageKey, on ? 'on' : 'off');
  }
}

export const keySettings = new KeySettings();
