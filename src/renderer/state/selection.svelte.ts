/** Which photos are chosen together, and from where a range is drawn. */
export class Selection {
  ids = $state.raw<ReadonlySet<number>>(new Set());
  /** The index where a range begins: what was chosen or left last. */
  pivot = 0;
  /** What was chosen before the range; drawing it wider or narrower leaves this. */
  #before: ReadonlySet<number> = new Set();

  readonly size = $derived(this.ids.size);

  has(id: number | undefined): boolean {
    return id !== undefined && this.ids.has(id);
  }

  toggle(id: number, index: number): void {
    const ids = new Set(this.ids);
    if (!ids.delete(id)) ids.add(id);
    this.set(ids, index);
  }

  set(ids: Iterable<number>, pivot: number): void {
    this.ids = new Set(ids);
    this.#before = this.ids;
    this.pivot = pivot;
  }

  /** Takes a range beside what was chosen before it. */
  extend(ids: Iterable<number>): void {
    this.ids = new Set([...this.#before, ...ids]);
  }

  clear(): void {
    if (this.ids.size > 0) this.set([], this.pivot);
    this.#before = new Set();
  }
}
