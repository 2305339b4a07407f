/** Reads what the camera wrote: date, zone, camera, lens, place, exposure. Bad fields become null, never errors. */
import ExifReader, { type ExpandedTags } from 'exifreader';
import type { PhotoMetadata } from '../../shared/contract.ts';
import type { Decoded } from './decode.ts';

export interface CameraFacts {
  takenAt: string;
  metadata: PhotoMetadata;
}

type ExifTags = NonNullable<ExpandedTags['exif']>;

/** `mtimeUs` stands in for a photo without a date; as UTC, so that it groups alike in every time zone. */
export function readMetadata(content: Buffer, decoded: Decoded, mtimeUs: number): CameraFacts {
  const tags = load(content, decoded);
  const exif: Partial<ExifTags> = tags.exif ?? {};
  const taken = firstDate(exif);
  return {
    takenAt: taken ?? new Date(mtimeUs / 1000).toISOString().slice(0, 19),
    metadata: {
      format: decoded.format,
      offset: taken ? offset(exif) : null,
      camera: camera(exif),
      lens: text(exif.LensModel),
      ...place(tags),
      orientation: decoded.orientation,
      exposure: text(exif.ExposureTime),
      aperture: ratio(exif.FNumber),
      iso: integer(exif.ISOSpeedRatings),
      focalLength: ratio(exif.FocalLength),
      rating: rating(decoded.xmp),
    },
  };
}

/** Only the EXIF block is parsed where the decoder handed it over; other formats give the whole file. */
function load(content: Buffer, { exif, format }: Decoded): Partial<ExpandedTags> {
  if (!exif && format !== 'heif' && format !== 'raw') return {};
  const header = exif?.subarray(0, 6).toString('latin1') === 'Exif\0\0' ? 6 : 0;
  try {
    return ExifReader.load(exif ? Buffer.from(exif.subarray(header)) : content, { expanded: true });
  } catch {
    return {}; // damaged metadata is no reason to hide a photo that can be seen
  }
}

function text(tag: { description?: string } | undefined): string | null {
  const words = tag?.description
    ?.replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
  return words ? words : null;
}

function firstDate(exif: Partial<ExifTags>): string | null {
  for (const tag of [exif.DateTimeOriginal, exif.DateTimeDigitized, exif.DateTime]) {
    const date = wallClock(text(tag));
    if (date) return date;
  }
  return null;
}

/** `2019:06:01 10:20:30` as `2019-06-01T10:20:30`; null for zeros, impossible days and other nonsense. */
export function wallClock(written: string | null): string | null {
  const match = /^(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d):(\d\d)/.exec(written ?? '');
  if (!match) return null;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}`;
  const date = new Date(`${iso}Z`);
  if (Number.isNaN(date.getTime()) || Number(year) < 1800) return null;
  return date.toISOString().slice(0, 19) === iso ? iso : null;
}

function offset(exif: Partial<ExifTags>): string | null {
  const written = text(exif.OffsetTimeOriginal) ?? text(exif.OffsetTime);
  return written && /^[+-]\d\d:\d\d$/.test(written) ? written : null;
}

function camera(exif: Partial<ExifTags>): string | null {
  const make = text(exif.Make);
  const model = text(exif.Model);
  if (!make || !model) return model ?? make;
  // "Canon" + "Canon EOS 5D" says it twice.
  return model.toLowerCase().startsWith(make.split(' ', 1)[0]?.toLowerCase() ?? make)
    ? model
    : `${make} ${model}`;
}

function place({ gps }: Partial<ExpandedTags>): Pick<PhotoMetadata, 'latitude' | 'longitude'> {
  const latitude = gps?.Latitude;
  const longitude = gps?.Longitude;
  const sound =
    Number.isFinite(latitude) &&
    Number.isFinite(longitude) &&
    Math.abs(latitude ?? 91) <= 90 &&
    Math.abs(longitude ?? 181) <= 180 &&
    (latitude !== 0 || longitude !== 0); // 0,0 is what broken receivers write
  return sound
    ? { latitude: latitude ?? null, longitude: longitude ?? null }
    : { latitude: null, longitude: null };
}

function ratio(tag: { value?: unknown } | undefined): number | null {
  const value = tag?.value;
  if (!Array.isArray(value)) return null;
  const [top, bottom] = value as unknown[];
  const quotient = Number(top) / Number(bottom ?? 1);
  return Number.isFinite(quotient) && quotient > 0 ? Math.round(quotient * 100) / 100 : null;
}

function integer(tag: { value?: unknown } | undefined): number | null {
  const value = Number(Array.isArray(tag?.value) ? (tag.value as unknown[])[0] : tag?.value);
  return Number.isInteger(value) && value > 0 ? value : null;
}

/** The star rating other programs wrote; found by its name, so that no XML entity is ever expanded. */
function rating(xmp: Buffer | undefined): number | null {
  const match = /xmp:Rating(?:\s*=\s*["']|>)\s*(-?\d)/.exec(
    xmp?.subarray(0, 1_000_000).toString('utf8') ?? '',
  );
  return match ? Number(match[1]) : null;
}
