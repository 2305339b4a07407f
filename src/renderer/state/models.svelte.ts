/** The models that are here, who does what, and a person's passing choice for one answer or caption. */
import type { Args, Catalogue, ModelInfo, Role } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';

class Models {
  list = $state.raw<readonly ModelInfo[] | null>(null);
  /** What can be downloaded, once somebody has looked. */
  catalogue = $state.raw<Catalogue | null>(null);
  /** What went wrong last, in words for a person. */
  error = $state<string | null>(null);
  adding = $state(false);
  /** Ids for the next answers and captions in this window; null for the models that were chosen. */
  talker = $state<string | null>(null);
  writer = $state<string | null>(null);
  /** A pair that answers beside the model that sees the photo; null for none. */
  beside = $state<string | null>(null);

  /** Asks anew; `verify` also compares the hashes of all files. */
  async load(verify = false): Promise<void> {
    try {
      this.list = await api.models(verify ? { verify } : {});
      if (this.catalogue) await this.browse();
    } catch (error) {
      this.error = reasonOf(error);
    }
  }

  /** Asks once, for parts that only offer what is here. */
  wanted(): void {
    if (!this.list) void this.load();
  }

  able(ability: ModelInfo['can'][number]): readonly ModelInfo[] {
    return (this.list ?? []).filter(({ state, can }) => state === 'ready' && can.includes(ability));
  }

  /** Pairs of one that describes and another that answers from its words alone, as ids and names. */
  get blind(): readonly { id: string; captioner: string; name: string; sends: string | null }[] {
    const captioner = this.chosen('caption');
    if (!captioner) return [];
    return this.able('language').map(({ id, name, sends }) => ({
      id: `${captioner.id}+${id}`,
      ...{ captioner: captioner.name, name, sends },
    }));
  }

  /** The model chosen for a role: for search also one that has still to look at photos. */
  chosen(role: Role): ModelInfo | undefined {
    const coming = role === 'search' && this.list?.find(({ waiting }) => waiting !== null);
    return coming || this.list?.find(({ roles }) => roles.includes(role));
  }

  /** The model's name by what stands beside an answer, `id@version`. */
  nameOf(version: string | null): string {
    const ids = (version ?? '').split('+').map((part) => part.split('@', 1)[0] ?? '');
    return ids.map((id) => this.list?.find((model) => model.id === id)?.name ?? id).join(' + ');
  }

  add(folder: string): Promise<boolean> {
    this.adding = true;
    return this.#change(() => api.addModel({ folder })).finally(() => (this.adding = false));
  }

  /** Reads the catalogue that came with Iris; nothing is asked of the network. */
  async browse(): Promise<void> {
    try {
      this.catalogue = await api.catalogue({});
    } catch (error) {
      this.error = reasonOf(error);
    }
  }

  download(id: string): Promise<boolean> {
    return this.#change(() => api.downloadModel({ id }));
  }

  discard(id: string): Promise<boolean> {
    return this.#change(() => api.discardDownload({ id }));
  }

  connect(args: Args<'connectModel'>): Promise<boolean> {
    return this.#change(() => api.connectModel(args));
  }

  remove(id: string): Promise<boolean> {
    return this.#change(() => api.removeModel({ id }));
  }

  use(role: Role, id: string): Promise<boolean> {
    return this.#change(() => api.useModel({ role, id }));
  }

  async #change(change: () => Promise<unknown>): Promise<boolean> {
    this.error = null;
    try {
      await change();
      await this.load();
      return true;
    } catch (error) {
      this.error = reasonOf(error);
      return false;
    }
  }
}

export const models = new Models();
