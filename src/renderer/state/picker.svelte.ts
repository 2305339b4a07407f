/** Asks a person for folders: through the desktop's own dialog, or through the page's. */
import * as door from '../lib/api.ts';

export type Purpose = 'add' | 'export';

interface Desktop {
  pickFolders(): Promise<string[]>;
}

interface Asking {
  purpose: Purpose;
  answer: (path: string | null) => void;
}

class Picker {
  /** What the page's own dialog is open for. */
  asking = $state.raw<Asking | null>(null);

  /** The folders that were chosen; none where a person thought better of it. */
  async choose(purpose: Purpose): Promise<string[]> {
    const { desktop } = door as { desktop?: Desktop };
    if (desktop) return desktop.pickFolders();
    this.asking?.answer(null);
    const path = await new Promise<string | null>((answer) => (this.asking = { purpose, answer }));
    this.asking = null;
    return path === null ? [] : [path];
  }
}

export const picker = new Picker();
