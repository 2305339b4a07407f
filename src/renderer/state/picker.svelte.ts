/** Asks a person for folders: through the desktop's own dialog, or through the page's. */
import { desktop } from '../lib/api.ts';

export type Purpose = 'add' | 'export' | 'model';

interface Asking {
  purpose: Purpose;
  answer: (path: string | null) => void;
}

class Picker {
  /** What the page's own dialog is open for. */
  asking = $state.raw<Asking | null>(null);

  /** The folders that were chosen; none where a person thought better of it. */
  async choose(purpose: Purpose): Promise<string[]> {
    if (desktop && purpose === 'add') return desktop.pickFolders();
    if (desktop && purpose === 'model')
      return [await desktop.pickModelFolder()].filter((path) => path !== null);
    if (desktop) return [await desktop.pickExportFolder()].filter((path) => path !== null);
    this.asking?.answer(null);
    const path = await new Promise<string | null>((answer) => (this.asking = { purpose, answer }));
    this.asking = null;
    return path === null ? [] : [path];
  }
}

export const picker = new Picker();
