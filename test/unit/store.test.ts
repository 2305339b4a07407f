import { describe, expect, it } from 'vitest';
import { openLibrary, type WriteDb } from '../../src/main/store/database.ts';
import {
  addRoot,
  countDeath,
  createPhoto,
  markInFlight,
  mergeRoot,
  noteFiles,
  pendingFiles,
  removeRoot,
  settleFile,
} from '../../src/main/store/files.ts';
import { photosPage } from '../../src/main/store/pages.ts';
import { saveFacts, saveModelResults, embeddingsAfter } from '../../src/main/store/results.ts';
import {
  addMessages,
  indexWords,
  matchWords,
  messages,
  takeBackFrom,
  writeCaption,
} from '../../src/main/store/texts.ts';
import { plainMetadata } from '../plain-metadata.ts';

const model = 'test@1';

function note(db: WriteDb, root: number, names: string[]): void {
  noteFiles(
    db,
    root,
    names.map((name) => ({ path: Buffer.from(name), size: 1, mtimeUs: 1, ctimeUs: 1, inode: '1' })),
  );
}

/** A library in memory with one root, whose named files are all photos that were read. */
function library(names: string[]): { db: WriteDb; root: number; ids: number[] } {
  const db = openLibrary('', 'memory');
  const root = addRoot(db, Buffer.from('/photos'));
  note(db, root, names);
  const ids = pendingFiles(db, model, [root]).map((file) => {
    const id = createPhoto(db, Buffer.from(file.name));
    settleFile(db, file.id, Buffer.from(file.name), id);
    saveFacts(db, id, {
      width: 4,
      height: 3,
      colour: '#123456',
      takenAt: `2020-01-0${id}T00:00:00`,
      metadata: plainMetadata,
    });
    saveModelResults(db, id, { model, vector: new Uint8Array(4), prefix: null });
    indexWords(db, id);
    return id;
  });
  return { db, root, ids };
}

describe('waiting files', () => {
  it('are those that are new, changed, or not yet seen by this model', () => {
    const { db, root } = library(['a.jpg', 'b.jpg']);
    const waiting = (version: string | null): string[] =>
      pendingFiles(db, version, [root]).map((file) => file.name);
    expect(waiting(model)).toEqual([]);
    expect(waiting(null)).toEqual([]);
    expect(waiting('test@2')).toEqual(['a.jpg', 'b.jpg']);
    note(db, root, ['b.jpg', 'c.jpg']);
    expect(waiting(model)).toEqual(['b.jpg', 'c.jpg']);
  });

  it('come first when a dead process had them open, and deaths are counted for each', () => {
    const { db, root } = library([]);
    note(db, root, ['a.jpg', 'b.jpg', 'c.jpg']);
    const [, , last] = pendingFiles(db, null, [root]);
    const id = last?.id ?? 0;
    markInFlight(db, [id]);
    expect(pendingFiles(db, null, [root]).map((file) => file.name)).toEqual(['c.jpg', 'a.jpg', 'b.jpg']);
    expect([countDeath(db, id), countDeath(db, id)]).toEqual([1, 2]);
  });
});

describe('roots', () => {
  it('merge into a folder around them with all their files', () => {
    const { db, root } = library(['x/a.jpg']);
    const outer = addRoot(db, Buffer.from('/'));
    mergeRoot(db, root, outer, 'photos');
    expect(photosPage(db, { root: outer, folder: 'photos', offset: 0, limit: 10 }).total).toBe(1);
    expect(
      db.all<{ path: Uint8Array }>('SELECT path FROM file').map((row) => Buffer.from(row.path).toString()),
    ).toEqual(['photos/x/a.jpg']);
    expect(() => removeRoot(db, root)).toThrow(/no folder/i);
  });
});

describe('pages', () => {
  it('take a folder with wildcards in its name literally', () => {
    const { db } = library(['a%/1.jpg', 'ab/2.jpg', 'a_/3.jpg']);
    const within = (folder: string): number => photosPage(db, { folder, offset: 0, limit: 10 }).total;
    expect([within('a%'), within('a_'), within('ab'), within('a')]).toEqual([1, 1, 1, 0]);
  });
});

describe('embeddings', () => {
  it('are given on from a sequence number, of this model only', () => {
    const { db, ids } = library(['a.jpg', 'b.jpg']);
    const rows = embeddingsAfter(db, model, 0, 10);
    expect(rows.map((row) => row.photoId)).toEqual(ids);
    expect(embeddingsAfter(db, model, rows[0]?.seq ?? 0, 10)).toHaveLength(1);
    expect(embeddingsAfter(db, 'other@1', 0, 10)).toEqual([]);
    saveModelResults(db, ids[0] ?? 0, { model, vector: new Uint8Array(4), prefix: null });
    expect(embeddingsAfter(db, model, rows[1]?.seq ?? 0, 10).map((row) => row.photoId)).toEqual([ids[0]]);
  });
});

describe('words', () => {
  it('match whole words of one column', () => {
    const { db, ids } = library(['beachTrip_2019.jpg', 'forest.jpg']);
    writeCaption(db, ids[1] ?? 0, 'A beach');
    expect(matchWords(db, '{name} : ("beach")', 10)).toEqual([ids[0]]);
    expect(matchWords(db, '{caption} : ("beach")', 10)).toEqual([ids[1]]);
    expect(matchWords(db, '{name} : ("bea")', 10)).toEqual([]);
  });
});

describe('messages', () => {
  it('lose exactly a question and what was said after it when it is asked anew', () => {
    const { db, ids } = library(['a.jpg']);
    const id = ids[0] ?? 0;
    const say = (role: 'user' | 'assistant', text: string): void =>
      addMessages(db, id, [{ role, text, model: null, sent: null, createdAt: '2020' }]);
    for (const turn of ['1', '2', '3']) {
      say('user', `q${turn}`);
      say('assistant', `a${turn}`);
    }
    takeBackFrom(db, id, 3); // there is no fourth
    expect(messages(db, id)).toHaveLength(6);
    takeBackFrom(db, id, 1);
    expect(messages(db, id).map((message) => message.text)).toEqual(['q1', 'a1']);
  });

  it('keep what an answer was chosen from, and how sure the model was', () => {
    const { db, ids } = library(['a.jpg']);
    const id = ids[0] ?? 0;
    const said = { role: 'assistant', text: 'a dog', model: 'm', sent: 'q', createdAt: '2020' } as const;
    const sureness = { probability: 0.25, sure: false };
    const boxes = [{ label: 'a dog', box: [1, 2, 30, 40] as [number, number, number, number] }];
    const answers = [{ text: 'a dog', probability: 0.5 }];
    const all = [said, { ...said, sureness }, { ...said, answers }, { ...said, boxes }];
    addMessages(db, id, all);
    expect(messages(db, id)).toEqual(all);
  });

  it('keep nothing of a transaction that failed', () => {
    const { db, ids } = library(['a.jpg']);
    const id = ids[0] ?? 0;
    const bad = { role: 'nobody' as 'user', text: 'x', model: null, sent: null, createdAt: '2020' };
    const good = { ...bad, role: 'user' as const };
    expect(() => addMessages(db, id, [good, bad])).toThrow(/CHECK/);
    expect(messages(db, id)).toEqual([]);
  });
});
