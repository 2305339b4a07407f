/** What the engine finds when it examines itself: asked for once, kept for the pages that show it. */
import type { Doctor } from '../../shared/contract.ts';
import { reasonOf } from './reasons.ts';
import { api } from '../lib/api.ts';

class Checkup {
  found = $state.raw<Doctor | null>(null);
  running = $state(false);
  error = $state<string | null>(null);

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
