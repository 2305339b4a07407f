/** The same text on a GPU, whose cache never leaves it: WebGPU on SwiftShader, Chromium's software Vulkan. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { readGolden, root, tinyDir } from '../unit/inference-helpers.ts';

/** Where Debian's `chromium` package has its Vulkan. */
const chromium = '/usr/lib/chromium';

const numbers = z.array(z.number());
const photo = z.object({ prefix: numbers, caption: numbers, beams: numbers });
const goldenSchema = z.object({ photos: z.array(photo), texts: z.array(z.object({ embedding: numbers })) });
const answerSchema = z.object({
  provider: z.string(),
  batch: z.array(numbers),
  beams: numbers,
  embedding: numbers,
  families: z.array(
    z.object({ count: z.int(), tokens: z.int(), same: z.boolean(), difference: z.number().nullable() }),
  ),
});

/** One tiny model of each family, with whether it writes. */
const families = [
  ['clip', false],
  ['blip-caption', true],
  ['blip2-opt', true],
  ['llava', true],
  ['chameleon', true],
  ['vilt-answer', false],
] as const;

async function runOnWebGpu(prefixes: number[][]): Promise<z.infer<typeof answerSchema>> {
  const dir = await mkdtemp(join(tmpdir(), 'iris-vulkan-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const driver = { api_version: '1.1.0', library_path: join(chromium, 'libvk_swiftshader.so') };
  await writeFile(join(dir, 'icd.json'), JSON.stringify({ file_format_version: '1.0.0', ICD: driver }));
  const env = { ...process.env, LD_LIBRARY_PATH: chromium, VK_ICD_FILENAMES: join(dir, 'icd.json') };
  const script = join(root, 'test/parity/webgpu-child.ts');
  const rows = families.map(([row]) => join(root, 'test/parity/rows', row, 'model'));
  const args = [script, tinyDir, JSON.stringify(prefixes), ...rows];
  const run = promisify(execFile)(process.execPath, args, { env });
  return answerSchema.parse(JSON.parse((await run).stdout));
}

it('generates and embeds as PyTorch does, and every family as on the CPU', { timeout: 240_000 }, async ({ skip }) => {
  skip(
    !existsSync(join(chromium, 'libvk_swiftshader.so')),
    `no SwiftShader in ${chromium}: install chromium`,
  );
  const golden = await readGolden('tiny.json', goldenSchema);
  const found = await runOnWebGpu(golden.photos.map(({ prefix }) => prefix));
  expect(found.provider).toBe('webgpu');
  expect(found.batch).toEqual(golden.photos.map(({ caption }) => caption.slice(0, 8)));
  expect(found.beams).toEqual(golden.photos[0]?.beams);
  const expected = golden.texts[0]?.embedding ?? [];
  expected.forEach((x, i) => expect(found.embedding[i]).toBeCloseTo(x, 3));
  found.families.forEach(({ count, tokens, same, difference }, at) => {
    const [row, writes] = families[at] ?? [];
    expect(difference, row).toBeLessThan(1e-3);
    expect({ row, same, some: count > 0, writes: tokens > 0 }).toEqual({ row, same: true, some: true, writes });
  });
  expect(found.families).toHaveLength(families.length);
});
