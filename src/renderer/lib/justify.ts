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

/** Extremes (scrolls, panoramas) are shown cropped rather than as a sliver or a whole screen. */
export function ratioOf(photo: { width: number; height: number } | undefined): number {
  if (!photo || photo.width === 0 || photo.height === 0) return usualRatio;
  return Math.min(3.2, Math.max(0.5, photo.width / photo.height));
}

/**
 * Breaks `ratios` into rows so that the squared distance of all heights from the target is least.
 * A section's last row need not be full; between blocks of a section all rows are.
 */
export function justify(ratios: readonly number[], style: RowStyle, last: boolean): Box[] {
  const boxes: Box[] = [];
  let y = 0;
  for (const [start, end] of breakRows(ratios, style, last)) {
    const row = ratios.slice(start, end);
    const height = rowHeight(row, style, last && end === ratios.length);
    let x = 0;
    for (const [at, ratio] of row.entries()) {
      const filled = height === naturalHeight(row, style) && at === row.length - 1;
      const width = filled ? style.width - x : Math.round(ratio * height);
      boxes.push({ x, y, width, height: Math.round(height) });
      x += width + style.gap;
    }
    y += Math.round(height) + style.below + style.gap;
  }
  return boxes;
}

export function heightOf(boxes: readonly Box[], style: RowStyle): number {
  const box = boxes.at(-1);
  return box ? box.y + box.height + style.below + style.gap : 0;
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

function naturalHeight(row: readonly number[], style: RowStyle): number {
  return fullHeight(
    row.reduce((sum, ratio) => sum + ratio, 0),
    row.length,
    style,
  );
}

/** The height at which a row with these ratios together fills the width. */
function fullHeight(ratios: number, count: number, { width, gap }: RowStyle): number {
  return (width - gap * (count - 1)) / ratios;
}

function rowHeight(row: readonly number[], style: RowStyle, open: boolean): number {
  const natural = naturalHeight(row, style);
  return Math.min(natural, open ? style.target * 1.15 : style.target * 1.6);
}

function breakRows(ratios: readonly number[], style: RowStyle, last: boolean): [number, number][] {
  const cost: number[] = [0];
  const from: number[] = [0];
  const sums = [0];
  for (const ratio of ratios) sums.push((sums.at(-1) ?? 0) + ratio);
  for (let end = 1; end <= ratios.length; end++) {
    let best = Infinity;
    for (let start = Math.max(0, end - longestRow); start < end; start++) {
      const sum = (sums[end] ?? 0) - (sums[start] ?? 0);
      const height = fullHeight(sum, end - start, style);
      const open = last && end === ratios.length && height > style.target;
      const miss = open ? 0 : (height - style.target) / style.target;
      const total = (cost[start] ?? 0) + miss * miss;
      if (total < best) {
        best = total;
        from[end] = start;
      }
    }
    cost[end] = best;
  }
  const rows: [number, number][] = [];
  for (let end = ratios.length; end > 0; end = from[end] ?? 0) rows.unshift([from[end] ?? 0, end]);
  return rows;
}
