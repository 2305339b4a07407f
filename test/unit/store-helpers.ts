/** A library in memory whose photos are given by name and facts. */
import type { PhotoMetadata } from '../../src/shared/contract.ts';
import { openLibrary, type WriteDb } from '../../src/main/store/database.ts';
import { addRoot, createPhoto, noteFiles, pendingFiles, settleFile } from '../../src/main/store/files.ts';
import { saveFacts } from '../../src/main/store/results.ts';
import { indexWords } from '../../src/main/store/texts.ts';
import { plainMetadata } from '../plain-metadata.ts';

export interface Facts extends Partial<PhotoMetadata> {
  takenAt?: string;
}

/** What indexing writes of one photo. */
export function readPhoto(db: WriteDb, id: number, { takenAt = '', ...metadata }: Facts): void {
  const facts = { width: 4, height: 3, colour: '#123456', takenAt };
  saveFacts(db, id, { ...facts, metadata: { ...plainMetadata, ...metadata } });
  indexWords(db, id);
}

/** One root with these files; ids are in the order they are named, and equal those of the files. */
export function photoLibrary(photos: Record<string, Facts>): { db: WriteDb; root: number; ids: number[] } {
  const db = openLibrary('', 'memory');
  const root = addRoot(db, Buffer.from('/photos'));
  const stamp = { size: 1, mtimeUs: 1, ctimeUs: 1, inode: '1' };
  noteFiles(
    db,
    root,
    Object.keys(photos).map((name) => ({ path: Buffer.from(name), ...stamp })),
  );
  const files = pendingFiles(db, null, [root]).sort((x, y) => x.id - y.id);
  const ids = Object.values(photos).map((facts, at) => {
    const id = createPhoto(db, Buffer.from(`pixels ${at}`));
    settleFile(db, files[at]?.id ?? 0, Buffer.from(`hash ${at}`), id);
    readPhoto(db, id, facts);
    return id;
  });
  return { db, root, ids };
}
