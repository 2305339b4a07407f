/** What a file is by its first bytes; names and extensions are only hints for RAW files. */

export type ImageType = 'jpeg' | 'png' | 'gif' | 'webp' | 'avif' | 'heic' | 'tiff' | 'bmp' | 'raw';

/** Bytes that `imageType` wants to see. */
export const headBytes = 64;

const heicBrands = new Set(['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'mif1', 'msf1']);
const rawExtensions = new Set(
  '3fr arw cr2 cr3 dcr dng erf iiq k25 kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f'.split(
    ' ',
  ),
);
const photoExtensions = new Set('jpg jpeg jpe png gif webp avif heic heif hif tif tiff bmp'.split(' '));

export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}

export const isRawName = (name: string): boolean => rawExtensions.has(extensionOf(name));
export const isPhotoName = (name: string): boolean =>
  photoExtensions.has(extensionOf(name)) || isRawName(name);

/** The image type of content that begins with `head`, undefined when it is no image Iris knows. */
export function imageType(head: Uint8Array, name: string): ImageType | undefined {
  const ascii = Buffer.from(head).toString('latin1');
  if (ascii.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (ascii.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (ascii.startsWith('GIF87a') || ascii.startsWith('GIF89a')) return 'gif';
  if (ascii.startsWith('RIFF') && ascii.slice(8, 12) === 'WEBP') return 'webp';
  if (ascii.slice(4, 8) === 'ftyp') return isoType(ascii);
  if (isTiff(ascii)) return isRawName(name) ? 'raw' : 'tiff';
  if (isRaw(ascii)) return 'raw';
  if (ascii.startsWith('BM') && head.length >= 26 && ascii.slice(6, 10) === '\0\0\0\0') return 'bmp';
  return undefined;
}

/** ISO base media: the major brand first, then the compatible ones (a `mif1` file may be AVIF inside). */
function isoType(ascii: string): ImageType | undefined {
  const brands = (ascii.slice(8, 12) + ascii.slice(16)).match(/.{4}/gs) ?? [];
  if (brands[0] === 'crx ') return 'raw';
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return 'avif';
  return brands.some((brand) => heicBrands.has(brand)) ? 'heic' : undefined;
}

function isTiff(ascii: string): boolean {
  return /^(?:II[*+]\0|MM\0[*+])/s.test(ascii);
}

function isRaw(ascii: string): boolean {
  return /^(?:FUJIFILMCCD-RAW|IIRO|IIRS|MMOR|IIU\0|\0MRM|FOVb)/s.test(ascii);
}
