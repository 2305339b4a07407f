/** Justified rows: where each photo stands, so that every row ends at the same edge and none is cropped. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface RowStyle {
  width: number;
  /** The height rows should have; they get between half of it and one and a half. */
  target: number;
  gap: number;
  /** Room under each photo for words. */
  below: number;
}

/** The aspect of a photo not yet known, about the mean of real libraries. */
export const usualRatio = 1.4;
const longestRow = 16;

/** The height of rows that suits a window, for those who have chosen none. */
export function usualTarget(width: number): number {
  return width < 500 ? 130 : width < 900 ? 180 : 210;
}

/** How small and how large rows may be asked for. */
export const leastTarget = 120;
export const mostTarget = 320;

export function clampTarget(target: number): number {
  return Math.min(mostTarget, Math.max(leastTarget, Math.round(target)));
}

/**
 * The aspect that a photo is shown with. Extremes (scrolls, panoramas) are shown cropped rather than as a
 * sliver or a whole screen; 0 is one that is not known.
 */
export function shownRatio(ratio: number): number {
  return ratio > 0 ? Math.min(3.2, Math.max(0.5, ratio)) : usualRatio;
}

/** Photos side by side, from `start` to before `end`. */
export interface Row {
  start: number;
  end: number;
  height: number;
  /** Whether it reaches the right edge. */
  filled: boolean;
}

/**
 * Breaks `ratios` into rows so that the squared distance of all heights from the target is least.
 * A section's last row need not be full; between blocks of a section all rows are.
 */
export function justify(ratios: Float32Array, style: RowStyle, last: boolean): Row[] {
  breakRows(ratios, style, last);
  const rows: Row[] = [];
  for (let end = ratios.length; end > 0; end = bestStart[end] ?? 0)
    rows.push(rowTo(end, ratios, style, last));
  return rows.reverse();
}

/** How tall the rows of `justify` are together: all that is asked of most of a library. */
export function heightOf(ratios: Float32Array, style: RowStyle, last: boolean): number {
  breakRows(ratios, style, last);
  let height = 0;
  for (let end = ratios.length; end > 0; end = bestStart[end] ?? 0)
    height += Math.round(rowTo(end, ratios, style, last).height) + style.below + style.gap;
  return height;
}

/** The row before `end`, where `breakRows` has found its best start. */
function rowTo(end: number, ratios: Float32Array, style: RowStyle, last: boolean): Row {
  const start = bestStart[end] ?? 0;
  let sum = 0;
  for (let at = start; at < end; at++) sum += ratios[at] ?? 0;
  const natural = fullHeight(sum, end - start, style);
  const most = style.target * (last && end === ratios.length ? 1.15 : 1.6);
  return { start, end, height: Math.min(natural, most), filled: natural <= most };
}

/** Where each photo of these rows stands. */
export function boxesOf(rows: readonly Row[], ratios: Float32Array, style: RowStyle): Box[] {
  const boxes: Box[] = [];
  let y = 0;
  for (const { start, end, height, filled } of rows) {
    let x = 0;
    for (let at = start; at < end; at++) {
      const width = filled && at === end - 1 ? style.width - x : Math.round((ratios[at] ?? 0) * height);
      boxes.push({ x, y, width, height: Math.round(height) });
      x += width + style.gap;
    }
    y += Math.round(height) + style.below + style.gap;
  }
  return boxes;
}

/** The index of the box in the row above (-1) or below (1) that stands nearest to the one at `from`. */
export function boxBeside(boxes: readonly Box[], from: number, step: -1 | 1): number | undefined {
  const here = boxes[from];
  if (!here) return undefined;
  const centre = here.x + here.width / 2;
  let best: number | undefined;
  let bestDistance = Infinity;
  let row: number | undefined;
  for (let at = from + step; at >= 0 && at < boxes.length; at += step) {
    const box = boxes[at];
    if (!box || box.y === here.y) continue;
    row ??= box.y;
    if (box.y !== row) break;
    const distance = Math.abs(box.x + box.width / 2 - centre);
    if (distance < bestDistance) {
      best = at;
      bestDistance = distance;
    }
  }
  return best;
}

/** The height at which a row with these ratios together fills the width. */
function fullHeight(ratios: number, count: number, { width, gap }: RowStyle): number {
  return (width - gap * (count - 1)) / ratios;
}

/** For each end of a row its best start and what all rows up to there cost; kept, since a library has thousands of blocks. */
let bestStart = new Int32Array(0);
let leastCost = new Float64Array(0);

function breakRows(ratios: Float32Array, style: RowStyle, last: boolean): void {
  const { target } = style;
  const count = ratios.length;
  if (bestStart.length <= count) {
    bestStart = new Int32Array(count + 1);
    leastCost = new Float64Array(count + 1);
  }
  for (let end = 1; end <= count; end++) {
    let best = Infinity;
    let sum = 0;
    for (let start = end - 1; start >= Math.max(0, end - longestRow); start--) {
      sum += ratios[start] ?? 0;
      const height = fullHeight(sum, end - start, style);
      const open = last && end === count && height > target;
      const miss = open ? 0 : (height - target) / target;
      // Longer rows are lower still.
      if (height < target && miss * miss > best) break;
      const total = (leastCost[start] ?? 0) + miss * miss;
      if (total > best) continue;
      best = total;
      bestStart[end] = start;
    }
    leastCost[end] = best;
  }
}
