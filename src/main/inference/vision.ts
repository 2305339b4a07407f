/** The one vision pass over a batch of photos, from which both the embedding and the prefix come. */
import { imageReader } from './families/dual-encoder.ts';
import { prefixReader } from './families/vlm.ts';
import type { Manifest, Pixels, Seen } from './model.ts';
import { openPart, type Opening } from './parts.ts';
import { toTensor } from './preprocess.ts';
import type { Session, Tensor } from './session.ts';
import { floats } from './tensors.ts';

/** Something read out of a vision session's run: which output, and what it means for a batch. */
export interface VisionReader {
  output: string;
  read: (tensor: Tensor | undefined, rows: number) => Seen[];
}

export interface Vision {
  see(batch: readonly Pixels[]): Promise<Seen[]>;
  provider: string;
  close(): Promise<void>;
}

/** The readers for each vision file: one file with both uses when embedding and generation share it. */
export function visionReaders(manifest: Manifest): Map<string, VisionReader[]> {
  const readers = new Map<string, VisionReader[]>();
  const add = (file: string, reader: VisionReader): void => {
    readers.set(file, [...(readers.get(file) ?? []), reader]);
  };
  if (manifest.embed) add(manifest.embed.vision, imageReader(manifest.embed));
  if (manifest.generate) add(manifest.generate.vision, prefixReader(manifest.generate));
  return readers;
}

/** Opens each vision file once. Throws AppError('model'). */
export async function openVision(opening: Opening): Promise<Vision> {
  const { preprocess } = opening.manifest;
  const passes: { session: Session; readers: VisionReader[] }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(passes.map(({ session }) => session.close()));
  };
  try {
    for (const [file, readers] of visionReaders(opening.manifest)) {
      passes.push({ session: await openPart(opening, file), readers });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const see = async (batch: readonly Pixels[]): Promise<Seen[]> => {
    if (batch.length === 0) return [];
    const dims = [batch.length, 3, preprocess.height, preprocess.width];
    const pixels = toTensor(batch, preprocess);
    const seen: Seen[] = batch.map(() => ({}));
    for (const { session, readers } of passes) merge(seen, await run(session, readers, pixels, dims));
    return seen;
  };
  return { see, close, provider: opening.options.provider };
}

async function run(
  session: Session,
  readers: VisionReader[],
  pixels: Float32Array,
  dims: number[],
): Promise<Seen[][]> {
  const [[input, type] = ['pixel_values', 'float32']] = session.inputs;
  const outputs = readers.map((reader) => reader.output);
  const found = await session.run({ [input]: floats(pixels, dims, type) }, outputs);
  return readers.map((reader) => reader.read(found[reader.output], dims[0] ?? 0));
}

function merge(seen: Seen[], parts: Seen[][]): void {
  for (const part of parts) part.forEach((one, row) => Object.assign(seen[row] ?? {}, one));
}
