/** What could not be read or was left out, by name, a page at a time. */
import type { Problem } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';

const pageSize = 50;

export class Problems {
  list = $state.raw<Problem[]>([]);
  total = $state(0);
  loaded = $state(false);
  error = $state<string | null>(null);

  readonly failed = $derived(this.list.filter((problem) => problem.kind === 'failed'));
  readonly skipped = $derived(this.list.filter((problem) => problem.kind === 'skipped'));
  readonly left = $derived(Math.max(0, this.total - this.list.length));

  /** Asks again for all that is shown, or for one page more. */
  async load(more = false): Promise<void> {
    const shown = this.list.length;
    const ask = more
      ? { offset: shown, limit: pageSize }
      : { offset: 0, limit: Math.min(1000, Math.max(pageSize, shown)) };
    try {
      const { total, problems } = await api.problems(ask);
      this.total = total;
      this.list = more ? [...this.list.slice(0, shown), ...problems] : problems;
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = reasonOf(error);
    }
  }
}
