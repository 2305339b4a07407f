/** One export from choosing to report: what is wanted, what would be written, what was. */
import type { Api, ExportField, ExportFormat, ExportReport } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';

export const formats = ['csv', 'jsonl', 'txt', 'xmp', 'html'] as const satisfies readonly ExportFormat[];
export const fields = [
  'path',
  'caption',
  'source',
  'model',
  'takenAt',
  'size',
  'rating',
  'tags',
] as const satisfies readonly ExportField[];
/** Always there: without them a row says nothing. */
export const fixedFields: readonly ExportField[] = ['path', 'caption'];

/** A choice is looked through once it rests. */
const restMs = 250;

export class ExportTask {
  /** The photos that were chosen before; none where nothing was. */
  chosen = $state.raw<readonly number[]>([]);
  onlyChosen = $state(false);
  format = $state<ExportFormat>('csv');
  fields = $state.raw<readonly ExportField[]>(fields);
  folder = $state<string | null>(null);
  inFolder = $state(false);

  plan = $state.raw<ExportReport | null>(null);
  planning = $state(false);
  report = $state.raw<ExportReport | null>(null);
  running = $state(false);
  stopped = $state(false);
  error = $state<string | null>(null);

  #round = new AbortController();

  readonly isTable = $derived(this.format === 'csv' || this.format === 'jsonl');
  /** Files of their own for each photo can stand beside it; one file for all needs a folder. */
  readonly canBeBeside = $derived(this.format === 'txt' || this.format === 'xmp');
  readonly #out = $derived(this.canBeBeside && !this.inFolder ? undefined : this.folder);
  readonly args = $derived.by((): Parameters<Api['export']>[0] | null => {
    if (this.#out === null) return null;
    return {
      format: this.format,
      ...(this.#out !== undefined && { out: this.#out }),
      ...(this.onlyChosen && { ids: [...this.chosen] }),
      ...(this.isTable && { fields: [...this.fields] }),
    };
  });

  begin(ids: readonly number[]): void {
    this.chosen = ids;
    this.onlyChosen = ids.length > 0;
    this.again();
  }

  /** Back to choosing. */
  again(): void {
    this.report = null;
    this.error = null;
    this.stopped = false;
  }

  toggle(field: ExportField): void {
    const on = !this.fields.includes(field);
    this.fields = fields.filter((other) => (other === field ? on : this.fields.includes(other)));
  }

  /** Asks what these choices would write; gives the way to call it off. */
  look(args: Parameters<Api['export']>[0] | null): () => void {
    const round = new AbortController();
    this.error = null;
    this.planning = args !== null;
    if (!args) this.plan = null;
    const resting = setTimeout(() => args && void this.#ask(args, round.signal), restMs);
    return () => {
      clearTimeout(resting);
      round.abort();
    };
  }

  async #ask(args: Parameters<Api['export']>[0], signal: AbortSignal): Promise<void> {
    try {
      const plan = await api.export({ ...args, dryRun: true }, signal);
      if (!signal.aborted) this.plan = plan;
    } catch (error) {
      if (signal.aborted) return;
      this.plan = null;
      this.error = reasonOf(error);
    } finally {
      if (!signal.aborted) this.planning = false;
    }
  }

  async run(): Promise<void> {
    if (!this.args || this.running) return;
    this.#round = new AbortController();
    this.running = true;
    this.error = null;
    try {
      this.report = await api.export(this.args, this.#round.signal);
    } catch (error) {
      if (this.#round.signal.aborted) this.stopped = true;
      else this.error = reasonOf(error);
    } finally {
      this.running = false;
    }
  }

  stop(): void {
    this.#round.abort();
  }
}
