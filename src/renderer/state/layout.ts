/** The whole grid as blocks of rows: geometry only, so that any part can be found without drawing the rest. */
import type { PhotoSummary, SearchHit } from '../../shared/contract.ts';
import {
  boxBeside,
  heightOf,
  justify,
  ratioOf,
  usualRatio,
  type Box,
  type RowStyle,
} from '../lib/justify.ts';

/** Photos that are loaded and laid out together; what happens in one block moves nothing inside another. */
export const blockSize = 100;
export const headingHeight = 44;

export type Photos = readonly (PhotoSummary | undefined)[];

/** A run of photos under one heading, or the whole library under none. */
export interface Span {
  key: string | null;
  count: number;
}

export interface Block {
  section: string | null;
  /** Photos of the whole section, of which the block may be a part. */
  sectionCount: number;
  /** Room for the section's heading above its first block, else 0. */
  heading: number;
  start: number;
  count: number;
  top: number;
  height: number;
  boxes: readonly Box[];
  photos: Photos | null;
  hits: readonly SearchHit[] | null;
}

export interface Tile {
  index: number;
  box: Box;
  photo: PhotoSummary | null;
  hit: SearchHit | null;
}

/** The library's pages of `blockSize` photos by number, where they are loaded. */
export type Pages = readonly (readonly PhotoSummary[] | undefined)[];

/** Rows are the same as long as photos and width are; scrolling and news elsewhere recompute nothing. */
const known = new WeakMap<Photos, { key: string; boxes: Box[] }>();
const guesses = new Map<string, Box[]>();
const guessesKept = 2000;

function boxesOf(photos: Photos | null, count: number, style: RowStyle, last: boolean): Box[] {
  const key = `${style.width} ${style.target} ${style.below} ${String(last)} ${count}`;
  const found = photos ? known.get(photos) : { key, boxes: guesses.get(key) };
  if (found?.key === key && found.boxes) return found.boxes;
  // What is not here yet, or has just come, gets the usual form, so that the rest can stay as it is.
  const ratios = Array.from({ length: count }, (_, at) => (photos?.[at] ? ratioOf(photos[at]) : usualRatio));
  const boxes = justify(ratios, style, last);
  if (guesses.size > guessesKept) guesses.clear();
  if (photos) known.set(photos, { key, boxes });
  else guesses.set(key, boxes);
  return boxes;
}

/** The parts of pages that blocks show, the same array for as long as the pages are the same. */
const parts = new WeakMap<readonly PhotoSummary[], Map<string, { second: Pages[number]; photos: Photos }>>();

/** What is loaded of a run of photos, which may lie on two pages; null where none of it is. */
export function photosFrom(pages: Pages, start: number, count: number): Photos | null {
  const page = Math.floor(start / blockSize);
  const end = Math.floor((start + count - 1) / blockSize);
  const first = pages[page];
  const second = end > page ? pages[end] : undefined;
  if (first && start === page * blockSize && count === first.length) return first;
  const holder = first ?? second;
  if (!holder) return null;
  const key = `${start} ${count}`;
  const kept = parts.get(holder) ?? new Map<string, { second: Pages[number]; photos: Photos }>();
  parts.set(holder, kept);
  const found = kept.get(key);
  if (found && found.second === second) return found.photos;
  const photos = Array.from(
    { length: count },
    (_, at) => pages[Math.floor((start + at) / blockSize)]?.[(start + at) % blockSize],
  );
  kept.set(key, { second, photos });
  return photos;
}

/** Every section cut into blocks, under its heading where it has one. */
export function libraryBlocks(spans: readonly Span[], pages: Pages, style: RowStyle): Block[] {
  const blocks: Block[] = [];
  let top = 0;
  let start = 0;
  for (const span of spans) {
    const end = start + span.count;
    let heading = span.key === null ? 0 : headingHeight;
    while (start < end) {
      const count = Math.min(blockSize, end - start);
      const photos = photosFrom(pages, start, count);
      const boxes = boxesOf(photos, count, style, start + count >= end);
      const height = heightOf(boxes, style);
      top += heading;
      const section = { section: span.key, sectionCount: span.count, heading };
      blocks.push({ ...section, start, count, top, height, boxes, photos, hits: null });
      top += height;
      start += count;
      heading = 0;
    }
  }
  return blocks;
}

export function searchBlocks(hits: readonly SearchHit[], style: RowStyle): Block[] {
  const blocks: Block[] = [];
  let top = 0;
  for (const section of ['likely', 'weaker'] as const) {
    const chosen = hits.filter((hit) => hit.likely === (section === 'likely'));
    if (chosen.length === 0) continue;
    const photos = chosen.map((hit) => hit.photo);
    const boxes = boxesOf(photos, photos.length, style, true);
    const count = photos.length;
    const height = heightOf(boxes, style);
    top += headingHeight;
    const about = { section, sectionCount: count, heading: headingHeight };
    const start = blocks.at(-1)?.count ?? 0;
    blocks.push({ ...about, start, count, top, height, boxes, photos, hits: chosen });
    top += height;
  }
  return blocks;
}

/** The first block that `isPast` holds for; blocks are in order, so that it is found by halving. */
function firstWhere(blocks: readonly Block[], isPast: (block: Block) => boolean): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = blocks[middle];
    if (block && isPast(block)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The blocks that touch the band between two heights, headings included. */
export function blocksBetween(blocks: readonly Block[], from: number, to: number): Block[] {
  const first = firstWhere(blocks, (block) => block.top + block.height > from);
  const after = firstWhere(blocks, (block) => block.top - block.heading >= to);
  return blocks.slice(first, after);
}

export function blockAt(blocks: readonly Block[], index: number): Block | undefined {
  return index < 0 ? undefined : blocks[firstWhere(blocks, (block) => block.start + block.count > index)];
}

/** Where the photo with this index stands in the whole grid. */
export function boxAt(blocks: readonly Block[], index: number): Box | undefined {
  const block = blockAt(blocks, index);
  const box = block?.boxes[index - block.start];
  return block && box ? { ...box, y: box.y + block.top } : undefined;
}

/** The tiles that touch the band between two heights. */
export function tilesBetween(blocks: readonly Block[], from: number, to: number): Tile[] {
  return blocksBetween(blocks, from, to).flatMap((block) =>
    block.boxes.flatMap((box, at): Tile[] => {
      const y = box.y + block.top;
      if (y > to || y + box.height < from) return [];
      const photo = block.photos?.[at] ?? null;
      return [{ index: block.start + at, box: { ...box, y }, photo, hit: block.hits?.[at] ?? null }];
    }),
  );
}

/** The tiles that a rectangle touches, wherever the grid is scrolled. */
export function tilesInside(blocks: readonly Block[], area: Box): Tile[] {
  return tilesBetween(blocks, area.y, area.y + area.height).filter(
    ({ box }) => box.x < area.x + area.width && box.x + box.width > area.x,
  );
}

/** The index above or below `index`, also across blocks. */
export function indexBeside(blocks: readonly Block[], index: number, step: -1 | 1): number | undefined {
  const block = blockAt(blocks, index);
  if (!block) return undefined;
  const at = firstWhere(blocks, (other) => other.start + other.count > index);
  const near = blocks.slice(Math.max(0, at - 1), at + 2);
  const boxes = near.flatMap((part) => part.boxes.map((box) => ({ ...box, y: box.y + part.top })));
  const start = near[0]?.start ?? 0;
  const found = boxBeside(boxes, index - start, step);
  return found === undefined ? undefined : found + start;
}
