/** The one vision pass over a batch of photos, from which both the embedding and the prefix come. */
import { statesReader } from './families/blip.ts';
import { photoReader } from './families/blip2.ts';
import { codesReader } from './families/chameleon.ts';
import { imageReader } from './families/dual-encoder.ts';
import { prefixReaders, spokenOf } from './families/vlm.ts';
import { gridOf, patchTensor, withGrid, type Grid } from './grid.ts';
import type { Manifest, Pixels, Preprocess, Seen } from './model.ts';
import { openPart, type Opening } from './parts.ts';
import { toTensor } from './preprocess.ts';
import type { Session, Tensor } from './session.ts';
import { floats, integers, type Feed } from './tensors.ts';

/** Something read out of a vision file's run: which outputs, and what they mean for a batch of `rows`. */
export interface VisionReader {
  file: string;
  outputs: readonly string[];
  read: (found: Readonly<Record<string, Tensor | undefined>>, rows: number) => Seen[];
}

/** For a family whose language side reads the normalised pixels themselves, [3, height, width]. */
export interface PixelReader {
  file: null;
}

export interface Vision {
  see(batch: readonly Pixels[]): Promise<Seen[]>;
  provider: string;
  close(): Promise<void>;
}

/** What each part of the model reads of a photo; a file that several of them name runs once. */
export function visionReaders(manifest: Manifest): (VisionReader | PixelReader)[] {
  const { embed, generate, match, answer } = manifest;
  const readers: (VisionReader | PixelReader)[] = [];
  switch (embed?.family) {
    case 'dual-encoder':
      readers.push(imageReader(embed));
  }
  switch (generate?.family) {
    case 'blip':
      readers.push(statesReader(generate));
      break;
    case 'chameleon':
      readers.push(codesReader(generate));
      break;
    case 'vlm':
      readers.push(...prefixReaders(generate));
      break;
    case 'blip2':
      readers.push(photoReader(generate));
      break;
    case 'endpoint':
      readers.push({ file: null });
  }
  switch (match?.family) {
    case 'blip':
    case 'fusion':
      readers.push(statesReader(match));
  }
  switch (answer?.family) {
    case 'fusion':
      readers.push(statesReader(answer));
  }
  // What two parts read alike is read once.
  const known = new Map(readers.map((reader) => [JSON.stringify(reader), reader]));
  return [...known.values()];
}

/** What captions need of a prefix: less than the whole where questions are answered by a part of their own. */
export function spoken({ generate }: Manifest, prefix: Float32Array | undefined): Float32Array | undefined {
  return prefix && generate?.family === 'vlm' ? spokenOf(generate, prefix) : prefix;
}

/** Opens each vision file once. Throws AppError('model'). */
export async function openVision(opening: Opening): Promise<Vision> {
  const { preprocess } = opening.manifest;
  const readers = visionReaders(opening.manifest);
  const passes: Pass[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(passes.map(({ session }) => session.close()));
  };
  try {
    for (const [file, shared] of Map.groupBy(readers.filter(readsFile), (reader) => reader.file)) {
      passes.push({ session: await openPart(opening, file), readers: shared });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const keepsPixels = readers.some((reader) => reader.file === null);
  const see = async (batch: readonly Pixels[]): Promise<Seen[]> => {
    if (inCells(preprocess)) return seeInCells(passes, batch, preprocess);
    if (batch.length === 0) return [];
    const values = toTensor(batch, preprocess);
    const seen = batch.map((_, row): Seen => (keepsPixels ? { prefix: rowOf(values, row, preprocess) } : {}));
    const dims = [batch.length, 3, preprocess.height, preprocess.width];
    const looked = { rows: batch.length, pixels: { values, dims }, extras: oneWord };
    for (const pass of passes) merge(seen, await run(pass, looked));
    return seen;
  };
  return { see, close, provider: opening.options.provider };
}

function readsFile(reader: VisionReader | PixelReader): reader is VisionReader {
  return reader.file !== null;
}

function rowOf(pixels: Float32Array, row: number, { width, height }: Preprocess): Float32Array {
  const size = 3 * width * height;
  return pixels.slice(row * size, (row + 1) * size);
}

interface Pass {
  session: Session;
  readers: VisionReader[];
}

/** What a vision file is given: pixels first, under whichever name it has for them, then what it declares of the rest. */
interface Looked {
  rows: number;
  pixels: { values: Float32Array; dims: readonly number[] };
  extras?: Readonly<Record<string, Feed>>;
}

/** A text of one token, for a file with both sides in one graph (Chinese-CLIP): nobody reads what it gives. */
const oneWord = {
  input_ids: integers([0], [1, 1]),
  attention_mask: integers([1], [1, 1]),
  token_type_ids: integers([0], [1, 1]),
};

async function run({ session, readers }: Pass, { rows, pixels, extras = {} }: Looked): Promise<Seen[][]> {
  const [first = 'pixel_values'] = session.inputs.keys();
  const input = session.inputs.has('pixel_values') ? 'pixel_values' : first;
  const type = session.inputs.get(input);
  const outputs = [...new Set(readers.flatMap((reader) => reader.outputs))];
  const declared = Object.entries(extras).filter(([name]) => session.inputs.has(name));
  const feeds = { [input]: floats(pixels.values, pixels.dims, type), ...Object.fromEntries(declared) };
  const found = await session.run(feeds, outputs);
  return readers.map((reader) => reader.read(found, rows));
}

function inCells({ fit }: Preprocess): boolean {
  return fit === 'tiles' || fit === 'patches';
}

/** Photos of no fixed size: what is seen of their cells, as one prefix. */
async function seeInCells(
  passes: Pass[],
  photos: readonly Pixels[],
  preprocess: Preprocess,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const photo of photos) {
    const { grid, cells } = gridOf(photo);
    const runs =
      preprocess.fit === 'tiles' ? tileRuns(cells, preprocess) : [patchRun(cells, grid, preprocess)];
    const found: Seen[] = [];
    for (const looked of runs) {
      const part = Array.from({ length: looked.rows }, (): Seen => ({}));
      for (const pass of passes) merge(part, await run(pass, looked));
      found.push(...part);
    }
    seen.push({
      prefix: withGrid(
        grid,
        found.map(({ prefix }) => prefix ?? new Float32Array()),
      ),
    });
  }
  return seen;
}

/** Tiles in one run: the attention of four takes 200 MB in SigLIP base at 512 pixels. */
const tilesAtOnce = 4;

/** Tiles as onnx-community's files take them, [1, tiles, 3, height, width], none of them filled up. */
function tileRuns(cells: Pixels, preprocess: Preprocess): Looked[] {
  const { width, height } = preprocess;
  const size = 3 * width * height;
  const tiles = Array.from({ length: cells.length / size }, (_, at) =>
    cells.subarray(at * size, (at + 1) * size),
  );
  return Array.from({ length: Math.ceil(tiles.length / tilesAtOnce) }, (_, at): Looked => {
    const some = tiles.slice(at * tilesAtOnce, (at + 1) * tilesAtOnce);
    const rows = some.length;
    const data = new Uint8Array(rows * height * width).fill(1);
    const pixels = { values: toTensor(some, preprocess), dims: [1, rows, 3, height, width] };
    return {
      rows,
      pixels,
      extras: { pixel_attention_mask: { type: 'bool', dims: [1, rows, height, width], data } },
    };
  });
}

/** Patches, [patches, numbers of each], and how many of them there are in time, height and width. */
function patchRun(cells: Pixels, grid: Grid, preprocess: Preprocess): Looked {
  const values = patchTensor(cells, grid, preprocess);
  const { width, patch = width, frames = 1 } = preprocess;
  const across = width / patch;
  const counts = [1, grid.rows * across, grid.columns * across];
  const size = 3 * frames * patch * patch;
  return {
    rows: grid.rows * grid.columns,
    pixels: { values, dims: [values.length / size, size] },
    extras: { image_grid_thw: integers(counts, [1, 3]) },
  };
}

function merge(seen: Seen[], parts: Seen[][]): void {
  for (const part of parts) part.forEach((one, row) => Object.assign(seen[row] ?? {}, one));
}
