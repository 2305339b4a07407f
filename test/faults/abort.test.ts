/** A caller who leaves is free while the compute process still works on what was asked: it cannot hear that. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { generateStreams, type GenerateLane, type LaneConfig } from '../../src/main/compute/messages.ts';
import { superviseLane } from '../../src/main/compute/supervisor.ts';

const config: LaneConfig = {
  ...{ lane: 'generate', library: '', modelDir: null, provider: 'cpu', threads: 1, maxRssMb: 4000 },
};
const look = { pixels: new Uint8Array() };

it('can be left while the model reads the prompt', async () => {
  const entry = path.join(import.meta.dirname, 'stub-lane.ts');
  const lane = superviseLane<GenerateLane>(entry, config, generateStreams);
  const model = await lane.get();
  const abort = new AbortController();
  const heard: string[] = [];
  const answer = (async () => {
    for await (const event of model.generate({ look, prompt: {} }, abort.signal)) {
      heard.push(event.type);
      setTimeout(() => abort.abort(), 50); // by then it computes, and will for ever
    }
  })();
  await expect(answer).rejects.toMatchObject({ code: 'aborted' });
  expect(heard).toEqual(['delta']);
  // Also who comes after it, and is not heard at all.
  const next = model.score({ look, texts: ['a'] }, AbortSignal.timeout(20));
  await expect(next).rejects.toMatchObject({ code: 'aborted' });
  expect([lane.busy, lane.deaths]).toEqual([true, 0]);
  lane.kill('It never ends.');
  await lane.close();
});
