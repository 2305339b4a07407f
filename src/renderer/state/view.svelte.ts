/** The full view of a photo: how close it is looked at, and by which fingers. */
import {
  actualSize,
  fitted,
  held,
  moved,
  toggled,
  whole,
  zoomed,
  type Size,
  type Spot,
  type Zoom,
} from '../lib/zoom.ts';

/** A wheel turns in steps of about 100, a pinch on a touchpad in steps of about 1 to 10. */
const wheelPace = 0.002;
const pinchPace = 0.012;

export class Loupe {
  zoom = $state.raw<Zoom>(whole);
  view = $state.raw<Size>({ width: 0, height: 0 });
  picture = $state.raw<Size>({ width: 0, height: 0 });
  dragging = $state(false);

  readonly size = $derived(fitted(this.picture, this.view));
  readonly close = $derived(this.zoom.scale > 1.001);
  /** Pixels of the screen for one of the picture, in hundredths. */
  readonly percent = $derived(
    Math.round((this.zoom.scale / actualSize(this.picture, this.view, devicePixelRatio)) * 100),
  );

  /** Where each finger that is down was last; nothing is drawn from it. */
  #fingers: readonly (readonly [number, Spot])[] = [];

  /** A new picture is shown whole. */
  show(picture: Size): void {
    this.picture = picture;
    this.zoom = whole;
    this.#fingers = [];
    this.dragging = false;
  }

  resize(view: Size): void {
    this.view = view;
    this.zoom = held(this.zoom, this.picture, view);
  }

  by(factor: number, spot: Spot = { x: 0, y: 0 }): void {
    this.zoom = zoomed(this.zoom, factor, spot, this.picture, this.view);
  }

  move(dx: number, dy: number): void {
    this.zoom = moved(this.zoom, dx, dy, this.picture, this.view);
  }

  reset(): void {
    this.zoom = whole;
  }

  toggle(spot: Spot): void {
    this.zoom = toggled(this.zoom, spot, this.picture, this.view, devicePixelRatio);
  }

  wheel(delta: number, pinch: boolean, spot: Spot): void {
    this.by(Math.exp(-delta * (pinch ? pinchPace : wheelPace)), spot);
  }

  press(finger: number, spot: Spot): void {
    this.#place(finger, spot);
    this.dragging = true;
  }

  /** One finger moves the picture; two bring it closer around their middle. */
  drag(finger: number, spot: Spot): void {
    const before = this.#fingers.find(([id]) => id === finger)?.[1];
    if (!before) return;
    const other = this.#fingers.find(([id]) => id !== finger)?.[1];
    this.#place(finger, spot);
    if (!other) {
      this.move(spot.x - before.x, spot.y - before.y);
      return;
    }
    const apart = (from: Spot): number => Math.hypot(from.x - other.x, from.y - other.y);
    const middle = { x: (spot.x + other.x) / 2, y: (spot.y + other.y) / 2 };
    if (apart(before) > 0) this.by(apart(spot) / apart(before), middle);
    this.move((spot.x - before.x) / 2, (spot.y - before.y) / 2);
  }

  release(finger: number): void {
    this.#fingers = this.#fingers.filter(([id]) => id !== finger);
    this.dragging = this.#fingers.length > 0;
  }

  #place(finger: number, spot: Spot): void {
    this.#fingers = [...this.#fingers.filter(([id]) => id !== finger), [finger, spot]];
  }
}
