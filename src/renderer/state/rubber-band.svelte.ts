/** Choosing photos by a rectangle that is drawn from empty ground. */
import type { Box } from '../lib/justify.ts';
import type { Browse } from './browse.svelte.ts';

/** A pointer that has gone less far was a click. */
const leastDrag = 5;
const edge = 40;
const edgeStep = 14;

export class RubberBand {
  /** In the coordinates of the canvas. */
  area = $state.raw<Box | null>(null);
  /** True from a drawn rectangle until the click that ends it has passed. */
  justEnded = false;

  readonly #browse: Browse;
  #start: { x: number; y: number; others: ReadonlySet<number> } | null = null;

  constructor(browse: Browse) {
    this.#browse = browse;
  }

  begin(event: PointerEvent): void {
    const scroller = event.currentTarget as HTMLElement;
    const onGround = !(event.target as HTMLElement).closest('[data-index]');
    const onScrollbar = event.offsetX > scroller.clientWidth && event.target === scroller;
    if (!onGround || onScrollbar || event.button !== 0 || event.pointerType !== 'mouse') return;
    const adds = event.ctrlKey || event.metaKey || event.shiftKey;
    this.#start = { ...pointIn(event), others: adds ? this.#browse.selection.ids : new Set() };
    this.justEnded = false;
    scroller.setPointerCapture(event.pointerId);
  }

  draw(event: PointerEvent): void {
    if (!this.#start) return;
    const { x, y } = pointIn(event);
    const { x: left, y: top, others } = this.#start;
    if (!this.area && Math.hypot(x - left, y - top) < leastDrag) return;
    this.area = {
      x: Math.min(x, left),
      y: Math.min(y, top),
      width: Math.abs(x - left),
      height: Math.abs(y - top),
    };
    this.#browse.chooseInside(this.area, others);
    scrollAtEdge(event);
  }

  end(): void {
    if (this.area) {
      this.justEnded = true;
      setTimeout(() => (this.justEnded = false));
    }
    this.#start = null;
    this.area = null;
  }
}

function pointIn(event: PointerEvent): { x: number; y: number } {
  const box = (event.currentTarget as HTMLElement).firstElementChild?.getBoundingClientRect();
  return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
}

function scrollAtEdge(event: PointerEvent): void {
  const scroller = event.currentTarget as HTMLElement;
  const box = scroller.getBoundingClientRect();
  if (event.clientY < box.top + edge) scroller.scrollTop -= edgeStep;
  else if (event.clientY > box.bottom - edge) scroller.scrollTop += edgeStep;
}
