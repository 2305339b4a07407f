/** Writes what was seen of one file, and decides which photo it is. */
import { isRawName } from '../lib/image-type.ts';
import type { ReadDb, WriteDb } from './database.ts';
import {
  createPhoto,
  hasOtherFiles,
  jpegSibling,
  lostPhotoOfPixels,
  photoOfHash,
  setPixelHash,
  settleFile,
  type PendingFile,
} from './files.ts';
import {
  forgetModelResults,
  hasResults,
  saveFacts,
  saveModelResults,
  saveThumbnail,
  type PhotoFacts,
} from './results.ts';
import { indexWords } from './texts.ts';

/** One photo as the index lane saw it; float16 bytes where the model ran. */
export interface SeenPicture extends PhotoFacts {
  pixelHash: Uint8Array;
  thumbnail: Uint8Array;
  vector: Uint8Array | null;
  prefix: Uint8Array | null;
}

export interface SeenFileOf {
  file: PendingFile;
  hash: Uint8Array;
  photo: SeenPicture;
  model: string | null;
}

/** A copy, a moved file or a RAW beside its JPEG is a file of a photo that is known: nothing to compute. */
export function adoptFile(db: WriteDb, file: PendingFile, hash: Uint8Array, model: string | null): boolean {
  const photoId = photoOfHash(db, hash) ?? (isRawName(file.name) ? jpegSibling(db, file.id) : undefined);
  if (photoId === undefined || !hasResults(db, photoId, model)) return false;
  db.transaction(() => {
    settleFile(db, file.id, hash, photoId);
    indexWords(db, photoId);
  });
  return true;
}

/** Known pixels spare the model only where its results for them are there. */
export function knownPixels(db: ReadDb, file: PendingFile, model: string | null): Uint8Array | null {
  const computed = file.photoId !== null && hasResults(db, file.photoId, model);
  return computed ? file.pixelHash : null;
}

/** Called inside a transaction. */
export function savePhoto(db: WriteDb, { file, hash, photo, model }: SeenFileOf): void {
  const photoId = identify(db, file, hash, photo.pixelHash);
  settleFile(db, file.id, hash, photoId);
  saveFacts(db, photoId, photo);
  saveThumbnail(db, photoId, photo.thumbnail);
  if (model !== null && photo.vector)
    saveModelResults(db, photoId, { model, vector: photo.vector, prefix: photo.prefix });
  indexWords(db, photoId);
}

/**
 * [Note: which photo a file is] A photo has an id of its own, and its words hang on that. A file
 * keeps its photo when only its metadata changed (same pixels). When its picture changed, it keeps
 * the photo too, as an edit in place, unless other copies still show the old picture. A new file
 * joins the photo with the same bytes, or the one with the same pixels whose files are all gone.
 */
function identify(db: WriteDb, file: PendingFile, hash: Uint8Array, pixelHash: Uint8Array): number {
  if (file.photoId !== null) {
    if (file.pixelHash && Buffer.compare(file.pixelHash, pixelHash) === 0) return file.photoId;
    if (!hasOtherFiles(db, file.photoId, file.id)) {
      forgetModelResults(db, file.photoId);
      setPixelHash(db, file.photoId, pixelHash);
      return file.photoId;
    }
  }
  return photoOfHash(db, hash) ?? lostPhotoOfPixels(db, pixelHash) ?? createPhoto(db, pixelHash);
}
