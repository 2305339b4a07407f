/** How the window is divided: whether the library stands on the left, and how wide the photo panel is. */
import { recall, remember } from '../lib/remember.ts';

export const narrowest = 280;
export const widest = 560;

class Panes {
  library = $state(true);
  width = $state(360);
  /** Whether the library lies over the photos, in a window too narrow for both. */
  drawer = $state(false);

  constructor() {
    this.take(recall('layout'));
  }

  take(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const { library, width } = value as { library?: unknown; width?: unknown };
    if (typeof library === 'boolean') this.library = library;
    if (typeof width === 'number' && Number.isFinite(width)) this.resize(width);
  }

  toggleLibrary(): void {
    if (matchMedia('(width < 1000px)').matches) {
      this.drawer = !this.drawer;
      return;
    }
    this.library = !this.library;
    this.keep();
  }

  resize(width: number): void {
    this.width = Math.round(Math.min(widest, Math.max(narrowest, width)));
  }

  keep(): void {
    remember('layout', { library: this.library, width: this.width });
  }
}

export const panes = new Panes();
