/** A picture from outside the library, made small enough to be searched by. */

const longestSide = 512;

export interface SmallPicture {
  /** A JPEG in base64, as the engine takes it. */
  image: string;
  /** The same as an address, to show it. */
  address: string;
}

/** The first picture among files that were dropped or pasted. */
export function pictureAmong(files: FileList | undefined): File | undefined {
  return [...(files ?? [])].find((file) => file.type.startsWith('image/'));
}

/** Decodes and shrinks; rejects where the browser cannot open the picture. */
export async function shrink(file: Blob): Promise<SmallPicture> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext('2d');
  if (!pen) throw new Error('This browser gave no canvas to draw on.');
  // What is transparent would turn black in a JPEG.
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const address = canvas.toDataURL('image/jpeg', 0.9);
  return { address, image: address.slice(address.indexOf(',') + 1) };
}
