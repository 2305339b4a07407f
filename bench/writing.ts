/**
 * How fast a model writes once it is loaded, on the CPU: `IRIS_MODELS` holds model folders with `:` between them.
 * A photo of the samples, one question, greedy.
 */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { decode, pixelsFor } from '../src/main/compute/decode.ts';
import { loadModel } from '../src/main/inference/registry.ts';
import { places } from '../src/main/lib/places.ts';

const photo = 'sample-01.jpg';
const newTokens = 32;

export async function benchWrite(): Promise<void> {
  const rows: Record<string, Record<string, string>> = {};
  for (const dir of process.env['IRIS_MODELS']?.split(':') ?? [])
    rows[path.basename(dir)] = await measure(dir);
  console.log(`${photo}, ${os.availableParallelism()} threads; load ${os.loadavg()[0]?.toFixed(1) ?? ''}`);
  console.table(rows);
}

async function measure(dir: string): Promise<Record<string, string>> {
  const clock = stopwatch();
  const threads = os.availableParallelism();
  const model = await loadModel(dir, ['vision', 'generate'], { provider: 'cpu', threads });
  const { preprocess } = model.manifest;
  const loaded = clock();
  const content = await readFile(path.join(places.samples, photo));
  const { picture } = await decode(content, photo, preprocess.longest);
  const pixels = await pixelsFor(picture, preprocess);
  const opened = clock();
  const [seen] = (await model.see?.([pixels])) ?? [];
  const looked = clock();
  let first: string | undefined;
  const { tokens } = (await model.generate?.(
    seen?.prefix ?? new Float32Array(),
    { question: 'what is it?' },
    { maxNewTokens: newTokens, beams: 1, onText: () => (first ??= clock().shown) },
  )) ?? { tokens: [] };
  const written = clock();
  await model.close();
  return {
    'load and check': loaded.shown,
    'open the photo': opened.shown,
    'see it': looked.shown,
    'first word': first ?? written.shown,
    tokens: String(tokens.length),
    'the rest': written.shown,
    'peak memory': `${(process.resourceUsage().maxRSS / 1e6).toFixed(2)} GB`,
  };
}

/** Gives what has passed since it was last asked: on the clock, and of the processors. */
function stopwatch(): () => { shown: string } {
  let [wall, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    const shown = `${((performance.now() - wall) / 1000).toFixed(1)} s (CPU ${((user + system) / 1e6).toFixed(1)} s)`;
    [wall, cpu] = [performance.now(), process.cpuUsage()];
    return { shown };
  };
}
