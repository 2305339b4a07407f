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

export type Section = 'likely' | 'weaker';

export interface Block {
  /** The page of the library it shows; 0 for search results. */
  page: number;
  section: Section | null;
  start: number;
  count: number;
  top: number;
  height: number;
  boxes: readonly Box[];
  photos: readonly PhotoSummary[] | null;
  hits: readonly SearchHit[] | null;
}

export interface Tile {
  index: number;
  box: Box;
  photo: PhotoSummary | null;
  hit: SearchHit | null;
}

/** The library's pages by number, where they are loaded. */
export type Pages = readonly (readonly PhotoSummary[] | undefined)[];

/** Rows are the same as long as photos and width are; scrolling and news elsewhere recompute nothing. */
const known = new WeakMap<readonly PhotoSummary[], { key: string; boxes: Box[] }>();
const guesses = new Map<string, Box[]>();

function boxesOf(
  photos: readonly PhotoSummary[] | null,
  count: number,
  style: RowStyle,
  last: boolean,
): Box[] {
  const key = `${style.width} ${style.target} ${style.below} ${String(last)} ${count}`;
  const found = photos ? known.get(photos) : { key, boxes: guesses.get(key) };
  if (found?.key === key && found.boxes) return found.boxes;
  // What is not here yet, or has just come, gets the usual form, so that the rest can stay as it is.
  const ratios = Array.from({ length: count }, (_, at) => (photos?.[at] ? ratioOf(photos[at]) : usualRatio));
  const boxes = justify(ratios, style, last);
  if (photos) known.set(photos, { key, boxes });
  else guesses.set(key, boxes);
  return boxes;
}

export function libraryBlocks(total: number, pages: Pages, style: RowStyle): Block[] {
  const blocks: Block[] = [];
  let top = 0;
  for (let start = 0, page = 0; start < total; start += blockSize, page++) {
    const photos = pages[page] ?? null;
    const count = Math.min(blockSize, total - start);
    const boxes = boxesOf(photos, count, style, start + count >= total);
    const height = heightOf(boxes, style);
    blocks.push({ page, section: null, start, count, top, height, boxes, photos, hits: null });
    top += height;
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
    const start = blocks.at(-1)?.count ?? 0;
    const height = heightOf(boxes, style);
    top += headingHeight;
    blocks.push({ page: 0, section, start, count: photos.length, top, height, boxes, photos, hits: chosen });
    top += height;
  }
  return blocks;
}

export function blockAt(blocks: readonly Block[], index: number): Block | undefined {
  return blocks.find((block) => index >= block.start && index < block.start + block.count);
}

/** Where the photo with this index stands in the whole grid. */
export function boxAt(blocks: readonly Block[], index: number): Box | undefined {
  const block = blockAt(blocks, index);
  const box = block?.boxes[index - block.start];
  return block && box ? { ...box, y: box.y + block.top } : undefined;
}

/** The tiles that touch the band between two heights. */
export function tilesBetween(blocks: readonly Block[], from: number, to: number): Tile[] {
  return blocks
    .filter((block) => block.top < to && block.top + block.height > from)
    .flatMap((block) =>
      block.boxes.flatMap((box, at): Tile[] => {
        const y = box.y + block.top;
        if (y > to || y + box.height < from) return [];
        const photo = block.photos?.[at] ?? null;
        return [{ index: block.start + at, box: { ...box, y }, photo, hit: block.hits?.[at] ?? null }];
      }),
    );
}

/** The index above or below `index`, also across blocks. */
export function indexBeside(blocks: readonly Block[], index: number, step: -1 | 1): number | undefined {
  const block = blockAt(blocks, index);
  if (!block) return undefined;
  const at = blocks.indexOf(block);
  const near = blocks.slice(Math.max(0, at - 1), at + 2);
  const boxes = near.flatMap((part) => part.boxes.map((box) => ({ ...box, y: box.y + part.top })));
  const start = near[0]?.start ?? 0;
  const found = boxBeside(boxes, index - start, step);
  return found === undefined ? undefined : found + start;
}
