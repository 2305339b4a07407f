/** How close a picture is looked at: scale 1 fits it into the view, `x` and `y` move its middle from the view's. */

export interface Size {
  width: number;
  height: number;
}

export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export interface Spot {
  x: number;
  y: number;
}

export const whole: Zoom = { scale: 1, x: 0, y: 0 };
/** A wheel's notch, a key's press. */
export const step = 1.25;
/** Pixels may be looked at up to four times their size, and a small picture at least this close. */
const mostPixels = 4;
const mostScale = 4;

/** The size at which the whole picture just fits into the view. */
export function fitted(picture: Size, view: Size): Size {
  if (picture.width <= 0 || picture.height <= 0) return { width: 0, height: 0 };
  const scale = Math.min(view.width / picture.width, view.height / picture.height);
  return { width: picture.width * scale, height: picture.height * scale };
}

/** The scale at which one pixel of the picture is one of the screen's. */
export function actualSize(picture: Size, view: Size, pixelRatio = 1): number {
  const { width } = fitted(picture, view);
  return width > 0 ? picture.width / pixelRatio / width : 1;
}

function between(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value)) + 0;
}

/** Keeps the picture in sight: no emptier than need be, and in the middle where it is smaller than the view. */
export function held(zoom: Zoom, picture: Size, view: Size): Zoom {
  const size = fitted(picture, view);
  const most = Math.max(mostScale, actualSize(picture, view) * mostPixels);
  const scale = Math.min(most, Math.max(1, zoom.scale));
  const spare = (length: number, room: number): number => Math.max(0, (length * scale - room) / 2);
  return {
    scale,
    x: between(zoom.x, spare(size.width, view.width)),
    y: between(zoom.y, spare(size.height, view.height)),
  };
}

/** Closer or farther by a factor, the spot (measured from the view's middle) staying where it is. */
export function zoomed(zoom: Zoom, factor: number, spot: Spot, picture: Size, view: Size): Zoom {
  const { scale } = held({ ...zoom, scale: zoom.scale * factor }, picture, view);
  const by = scale / zoom.scale;
  return held(
    { scale, x: spot.x - (spot.x - zoom.x) * by, y: spot.y - (spot.y - zoom.y) * by },
    picture,
    view,
  );
}

export function moved(zoom: Zoom, dx: number, dy: number, picture: Size, view: Size): Zoom {
  return held({ ...zoom, x: zoom.x + dx, y: zoom.y + dy }, picture, view);
}

/** The whole picture where it is looked at closely, else its pixels one to one around the spot. */
export function toggled(zoom: Zoom, spot: Spot, picture: Size, view: Size, pixelRatio = 1): Zoom {
  if (zoom.scale > 1) return whole;
  const actual = actualSize(picture, view, pixelRatio);
  return zoomed(zoom, actual > 1.05 ? actual : 2, spot, picture, view);
}
