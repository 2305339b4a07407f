/** What the engine keeps for the page: searches saved and recent, the order and size of photos. */
import type { Filter, SavedSearch, SettingKey, Sort } from '../../shared/contract.ts';
import { api } from '../lib/api.ts';

/** Every order there is, as the menu lists them. */
export const sorts = ['newest', 'oldest', 'name', 'rating', 'added'] as const satisfies readonly Sort[];
const recentKept = 8;

export interface View {
  sort: Sort;
  /** Pixels that rows should be tall; null for what suits the window. */
  rowHeight: number | null;
}

export class Kept {
  recent = $state.raw<readonly string[]>([]);
  searches = $state.raw<readonly SavedSearch[]>([]);

  /** Reads what is kept; a library that cannot say leaves the usual. */
  async load(): Promise<Partial<View>> {
    void this.#loadSearches();
    const settings = await api.settings({}).catch(() => null);
    const recent = settings?.recent;
    if (Array.isArray(recent)) this.recent = recent.filter((entry) => typeof entry === 'string');
    return readView(settings?.layout);
  }

  /** Puts a search that led somewhere first. */
  remember(query: string): void {
    const text = query.trim();
    if (text === '' || this.recent[0] === text) return;
    this.recent = [text, ...this.recent.filter((other) => other !== text)].slice(0, recentKept);
    void keep('recent', [...this.recent]);
  }

  forget(): void {
    this.recent = [];
    void keep('recent', []);
  }

  /** Other parts of the page keep things under the same name; theirs stay. */
  async keepView(view: View): Promise<void> {
    const layout = (await api.settings({}).catch(() => null))?.layout;
    const others = typeof layout === 'object' && layout !== null && !Array.isArray(layout) ? layout : {};
    await keep('layout', { ...others, ...view });
  }

  async save(name: string, query: string, filter: Filter): Promise<void> {
    await api.saveSearch({ name: name.slice(0, 200), query, filter });
    await this.#loadSearches();
  }

  async remove(id: number): Promise<void> {
    this.searches = this.searches.filter((search) => search.id !== id);
    await api.removeSearch({ id });
  }

  async #loadSearches(): Promise<void> {
    this.searches = await api.searches({}).catch(() => this.searches);
  }
}

function readView(layout: unknown): Partial<View> {
  if (typeof layout !== 'object' || layout === null) return {};
  const { sort, rowHeight } = layout as Record<string, unknown>;
  const known = sorts.find((entry) => entry === sort);
  return { ...(known && { sort: known }), ...(typeof rowHeight === 'number' && { rowHeight }) };
}

/** A setting that could not be kept is not worth an interruption; it holds until the page is closed. */
async function keep(key: SettingKey, value: Parameters<typeof api.saveSettings>[0]['value']): Promise<void> {
  await api.saveSettings({ key, value }).catch(() => undefined);
}
