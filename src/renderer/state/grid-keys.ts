/** What each key does in the grid. */
import type { Browse } from './browse.svelte.ts';
import { keySettings } from './keys.svelte.ts';
import type { Step } from './layout.ts';

const steps: Record<string, Step> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  PageUp: 'pageUp',
  PageDown: 'pageDown',
  Home: 'first',
  End: 'last',
};

export interface GridActions {
  open: (index: number) => void;
  /** Opens the menu of the active photo. */
  menu: () => void;
}

export class GridKeys {
  readonly #browse: Browse;
  readonly #actions: GridActions;

  constructor(browse: Browse, actions: GridActions) {
    this.#browse = browse;
    this.#actions = actions;
  }

  /** Does what the key asks; says whether it did. */
  take(event: KeyboardEvent): boolean {
    if (this.#browse.count === 0 || event.altKey) return false;
    if (event.ctrlKey || event.metaKey) return this.#withControl(event.key);
    return this.#move(event) || this.#named(event) || (keySettings.letters && this.#letter(event.key));
  }

  #withControl(key: string): boolean {
    if (key === 'a' || key === 'A') void this.#browse.chooseAll();
    else if (key === ' ') this.#browse.toggle(this.#browse.active);
    else return false;
    return true;
  }

  #move(event: KeyboardEvent): boolean {
    const step = steps[event.key];
    if (!step) return false;
    const before = this.#browse.active;
    this.#browse.move(step);
    const { active, selection } = this.#browse;
    if (!event.shiftKey) return true;
    if (selection.size === 0) selection.set([], before);
    void this.#browse.rangeTo(active, selection.pivot);
    return true;
  }

  #named(event: KeyboardEvent): boolean {
    const { selection } = this.#browse;
    if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) this.#actions.menu();
    else if (event.key === 'Escape' && selection.size > 0) selection.clear();
    else if (event.key === 'Enter') this.#actions.open(this.#browse.active);
    else return false;
    return true;
  }

  #letter(key: string): boolean {
    if (key === 'x') this.#browse.toggle(this.#browse.active);
    else if (key === '+' || key === '=') this.#browse.zoom(1);
    else if (key === '-') this.#browse.zoom(-1);
    else return false;
    return true;
  }
}
