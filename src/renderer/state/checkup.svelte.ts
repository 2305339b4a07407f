/** What the engine finds when it examines itself: asked for once, kept for the pages that show it. */
import type { Doctor } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';

class Checkup {
  found = $state.raw<Doctor | null>(null);
  running = $state(false);
  error = $state<string | null>(null);

  /** What a person wants models to run on; null until it is known. */
  choice = $state<string | null>(null);

  async load(): Promise<void> {
    const { provider } = await api.settings({}).catch(() => ({ provider: undefined }));
    this.choice = typeof provider === 'string' ? provider : 'auto';
  }

  async choose(provider: string): Promise<void> {
    this.error = null;
    await api
      .saveSettings({ key: 'provider', value: provider })
      .then(() => (this.choice = provider))
      .catch((error: unknown) => (this.error = reasonOf(error)));
    if (this.found) await this.run();
  }

  async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.error = null;
    try {
      this.found = await api.doctor({});
    } catch (error) {
      this.error = reasonOf(error);
    } finally {
      this.running = false;
    }
  }
}

export const checkup = new Checkup();
