/** RAW files through the JPEG that every camera embeds in them, found by ExifTool. */
import { isUtf8 } from 'node:buffer';
import { ExifTool } from 'exiftool-vendored';
import sharp from 'sharp';
import { AppError } from '../../shared/errors.ts';

/** Tags that may hold a picture, the largest kind first. */
const previewTags = ['JpgFromRaw', 'PreviewImage', 'OtherImage', 'ThumbnailImage'] as const;
const taskSeconds = 15;

let tool: ExifTool | undefined;

/** One ExifTool process for this one, started at the first RAW file. */
function exiftool(): ExifTool {
  tool ??= new ExifTool({ maxProcs: 1, taskTimeoutMillis: taskSeconds * 1000 });
  return tool;
}

/**
 * The embedded JPEG of the RAW file at `path` (raw bytes), with the RAW's own orientation if the JPEG has
 * none. Throws AppError('unreadable') when there is no picture in it.
 */
export async function rawPreview(path: Uint8Array): Promise<Buffer> {
  if (!isUtf8(path)) throw new AppError('unreadable', 'ExifTool needs a UTF-8 file name to read a RAW file.');
  const file = Buffer.from(path).toString('utf8');
  for (const tag of previewTags) {
    const jpeg = await exiftool()
      .extractBinaryTagToBuffer(tag, file)
      .catch(() => undefined);
    if (jpeg && jpeg.length > 0) return await oriented(jpeg, file);
  }
  throw new AppError('unreadable', 'This RAW file holds no preview that Iris can read.');
}

async function oriented(jpeg: Buffer, file: string): Promise<Buffer> {
  const { orientation } = await sharp(jpeg).metadata();
  if (orientation !== undefined) return jpeg;
  const tags = await exiftool().read(file, { readArgs: ['-Orientation', '-n'] });
  const own = tags.Orientation ?? 1;
  return own > 1 && own <= 8
    ? await sharp(jpeg).withMetadata({ orientation: own }).jpeg({ quality: 95 }).toBuffer()
    : jpeg;
}
