/** Paths as people read them: `~` for the home folder, which is asked for once, where a path is first shown. */
import { api } from '../lib/api.ts';

class Home {
  #folder = $state('');
  #asked = false;

  tidy(path: string): string {
    if (!this.#asked) void this.#ask();
    const inside = this.#folder.startsWith('/') && path.startsWith(`${this.#folder}/`);
    return inside ? `~${path.slice(this.#folder.length)}` : path;
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    this.#folder = await api.listFolder({}).then(
      ({ path }) => path,
      () => '',
    );
  }
}

export const home = new Home();
