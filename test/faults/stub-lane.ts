/**
 * A compute process whose decoder dies of a file named "killer" and never returns from one named "hang", and whose
 * language model never returns from a prompt.
 *
 * All else is the real lane: only the moment of decoding is replaced, as no decoder here has such a bug.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createIndexLane } from '../../src/main/compute/index-lane.ts';
import type { GenerateLane, IndexLane, LaneConfig } from '../../src/main/compute/messages.ts';
import { connectParent } from '../../src/main/compute/ports.ts';
import { serve } from '../../src/shared/rpc.ts';

const config = JSON.parse(process.argv[2] ?? '{}') as LaneConfig;
const tellMs = 30;

function wrapped(real: IndexLane): IndexLane {
  return {
    ...real,
    async *process(args, signal) {
      for (const { id, name } of args.files) {
        if (!/killer|hang/.test(name)) continue;
        yield { id, kind: 'started' };
        await delay(tellMs); // let the message out
        if (name.includes('killer')) process.abort();
        while (name.includes('hang')); // a decoder in an endless loop
      }
      yield* real.process(args, signal);
    },
  };
}

/** Reads a prompt for ever, in the native code's way: its thread hears nothing meanwhile. */
const deaf: Pick<GenerateLane, 'generate' | 'score'> = {
  async *generate() {
    yield { type: 'delta', text: 'Hm' };
    await delay(tellMs);
    for (;;);
  },
  async score() {
    for (;;);
  },
};

if (config.lane === 'generate') serve(deaf, connectParent());
else if (config.lane === 'index')
  serve(wrapped(createIndexLane(() => Promise.resolve(undefined))), connectParent());
else await import('../../src/main/compute/child.ts');
