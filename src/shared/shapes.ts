/** The form of a photo as one byte, so that a grid of 100,000 is laid out before any of them is loaded. */

/** A shape is a photo's width in sixtieths of its height: the usual formats are whole numbers of these. */
const unit = 60;

/** 1 to 255; 0 for a photo whose size is not known. */
export function shapeOf(width: number, height: number): number {
  return width > 0 && height > 0 ? Math.min(255, Math.max(1, Math.round((unit * width) / height))) : 0;
}

/** Width over height; 0 where it is not known. */
export function ratioOfShape(shape: number): number {
  return shape / unit;
}
