/** The whole grid as blocks of rows: geometry only, so that any part can be found without drawing the rest. */
import type { PhotoSummary, SearchHit } from '../../shared/contract.ts';
import {
  boxBeside,
  boxesOf,
  heightOf,
  justify,
  usualRatio,
  type Box,
  type RowStyle,
} from '../lib/justify.ts';

/** Photos that are laid out together, and that are loaded together. */
export const blockSize = 100;
export const headingHeight = 44;

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
  /** Where its photos stand below `top`; worked out when it first comes near the screen. */
  boxes: () => readonly Box[];
}

/** A place in the grid. */
export interface Spot {
  index: number;
  box: Box;
}

export interface Tile extends Spot {
  photo: PhotoSummary | null;
  hit: SearchHit | null;
}

/** Every section cut into blocks, under its heading where it has one. `ratios` are those of all photos. */
export function blocksOf(spans: readonly Span[], ratios: Float32Array, style: RowStyle): Block[] {
  const blocks: Block[] = [];
  // Until the forms of all photos are known, most blocks differ in nothing but their length.
  const alike = new Map<number, number>();
  let top = 0;
  let start = 0;
  for (const span of spans) {
    const end = start + span.count;
    let heading = span.key === null ? 0 : headingHeight;
    while (start < end) {
      const count = Math.min(blockSize, end - start);
      const own = ratios.subarray(start, start + count);
      const last = start + count >= end;
      const height = heightIn(isUnknown(own) ? alike : undefined, own, style, last);
      top += heading;
      const section = { section: span.key, sectionCount: span.count, heading };
      let known: Box[] | undefined;
      const boxes = (): Box[] => (known ??= boxesOf(justify(own, style, last), own, style));
      blocks.push({ ...section, start, count, top, height, boxes });
      top += height;
      start += count;
      heading = 0;
    }
  }
  return blocks;
}

/** The height of a block; `alike` has those of blocks that differ in nothing but their length. */
function heightIn(
  alike: Map<number, number> | undefined,
  ratios: Float32Array,
  style: RowStyle,
  last: boolean,
): number {
  const length = last ? -ratios.length : ratios.length;
  const height = alike?.get(length) ?? heightOf(ratios, style, last);
  alike?.set(length, height);
  return height;
}

const unknown = Math.fround(usualRatio);

function isUnknown(ratios: Float32Array): boolean {
  for (let at = 0; at < ratios.length; at++) if (ratios[at] !== unknown) return false;
  return true;
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
  const box = block?.boxes()[index - block.start];
  return block && box ? { ...box, y: box.y + block.top } : undefined;
}

/** What touches the band between two heights. */
export function spotsBetween(blocks: readonly Block[], from: number, to: number): Spot[] {
  return blocksBetween(blocks, from, to).flatMap((block) =>
    block.boxes().flatMap((box, at): Spot[] => {
      const y = box.y + block.top;
      return y > to || y + box.height < from ? [] : [{ index: block.start + at, box: { ...box, y } }];
    }),
  );
}

/** Tiles under one heading, or all of them where there is none; `block` is the section's first one here. */
export interface Group {
  section: string | null;
  block: Block;
  tiles: Tile[];
}

export function groupsOf(blocks: readonly Block[], tiles: readonly Tile[]): Group[] {
  const groups: Group[] = [];
  for (const block of blocks) {
    const { section, start, count } = block;
    const own = tiles.filter(({ index }) => index >= start && index < start + count);
    const last = groups.at(-1);
    if (last?.section === section) last.tiles.push(...own);
    else groups.push({ section, block, tiles: own });
  }
  return groups;
}

/** What a rectangle touches, wherever the grid is scrolled. */
export function spotsInside(blocks: readonly Block[], area: Box): Spot[] {
  return spotsBetween(blocks, area.y, area.y + area.height).filter(
    ({ box }) => box.x < area.x + area.width && box.x + box.width > area.x,
  );
}

export type Step = 'left' | 'right' | 'up' | 'down' | 'pageUp' | 'pageDown' | 'first' | 'last';

/** The index that a step leads to from `index`, on a screen of this height. */
export function stepFrom(
  blocks: readonly Block[],
  index: number,
  step: Step,
  height: number,
): number | undefined {
  const last = blocks.at(-1);
  const to: Record<Step, () => number | undefined> = {
    left: () => index - 1,
    right: () => index + 1,
    up: () => indexBeside(blocks, index, -1),
    down: () => indexBeside(blocks, index, 1),
    pageUp: () => indexAway(blocks, index, -1, height),
    pageDown: () => indexAway(blocks, index, 1, height),
    first: () => 0,
    last: () => (last ? last.start + last.count - 1 : undefined),
  };
  return to[step]();
}

/** The index as many rows away as `height` holds, one at least; the last one that way where there are fewer. */
function indexAway(
  blocks: readonly Block[],
  index: number,
  step: -1 | 1,
  height: number,
): number | undefined {
  const from = boxAt(blocks, index);
  let found: number | undefined;
  for (let next = indexBeside(blocks, index, step); next !== undefined;) {
    const box = boxAt(blocks, next);
    if (!from || !box || (found !== undefined && Math.abs(box.y - from.y) + box.height > height)) break;
    found = next;
    next = indexBeside(blocks, next, step);
  }
  return found;
}

/** The index above or below `index`, also across blocks. */
export function indexBeside(blocks: readonly Block[], index: number, step: -1 | 1): number | undefined {
  const block = blockAt(blocks, index);
  if (!block) return undefined;
  const at = firstWhere(blocks, (other) => other.start + other.count > index);
  const near = blocks.slice(Math.max(0, at - 1), at + 2);
  const boxes = near.flatMap((part) => part.boxes().map((box) => ({ ...box, y: box.y + part.top })));
  const start = near[0]?.start ?? 0;
  const found = boxBeside(boxes, index - start, step);
  return found === undefined ? undefined : found + start;
}
