/** The probe lane: tries one provider in a process that may die of it. */
import { probe } from '../inference/provider.ts';
import { providers } from '../inference/session.ts';
import type { LaneConfig, ProbeLane } from './messages.ts';

export function createProbeLane({ modelDir, provider, threads }: LaneConfig): ProbeLane {
  return {
    providers: () => providers(),
    probe: () => probe(modelDir ?? '', provider, threads),
  };
}
