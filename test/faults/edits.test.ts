/** Files that change: what a person said stays with the photo, and only a new picture is looked at again. */
import { exiftool } from 'exiftool-vendored';
import { execFileSync } from 'node:child_process';
import { appendFile, readFile, rename, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, PhotoDetails } from '../../src/shared/contract.ts';
import { createEngine } from '../../src/main/engine.ts';
import { embeddings, finished, indexed, photoNamed, place, samples, scratch } from '../engine/helpers.ts';

const names = ['sample-01.jpg', 'sample-04.jpg', 'sample-05.jpg', 'sample-07.jpg', 'sample-08.jpg'];

describe('an indexed photo', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  const at = (name: string): string => path.join(photos, name);
  let engine: Engine;
  const details = async (name: string): Promise<PhotoDetails> =>
    await engine.photo({ id: (await photoNamed(engine, name)).id });

  beforeAll(async () => {
    await place(photos, Object.fromEntries(names.map((name) => [name, path.join(samples, name)])));
    engine = await createEngine({ library, access: 'write' });
    await indexed(engine, { folders: [photos], captions: false });
    const { id } = await photoNamed(engine, 'sample-01.jpg');
    await engine.writeCaption({ id, text: 'Eileen at work' });
    await engine.caption({ photo: { id } });
    for await (const event of engine.chat({ photo: { id }, text: 'who is this?' }))
      expect(event).toBeDefined();
  });
  afterAll(async () => {
    await engine.close();
    await exiftool.end();
  });

  it('keeps its id, words and embedding under another name', async () => {
    const before = embeddings(library);
    const { id } = await photoNamed(engine, 'sample-04.jpg');
    await rename(at('sample-04.jpg'), at('the photographer.jpg'));
    expect(await indexed(engine, { captions: false })).toMatchObject({ photos: names.length, failed: [] });
    expect((await photoNamed(engine, 'the photographer.jpg')).id).toBe(id);
    expect(embeddings(library)).toEqual(before);
    const { hits } = await engine.search({ query: 'photographer', limit: 1 });
    expect(hits[0]).toMatchObject({ path: at('the photographer.jpg'), photo: { id } });
  });

  it('keeps all of it when another program writes a rating into the file, and shows the rating', async () => {
    const before = { seen: await details('sample-01.jpg'), rows: embeddings(library) };
    const bytes = await readFile(at('sample-01.jpg'));
    const command = await exiftool.exiftoolPath();
    execFileSync('perl', [command, '-Rating=5', '-overwrite_original', at('sample-01.jpg')]);
    expect(await readFile(at('sample-01.jpg'))).not.toEqual(bytes);
    expect(await indexed(engine, { captions: false })).toMatchObject({ indexed: 1, failed: [] });
    const after = await details('sample-01.jpg');
    expect(after.metadata.rating).toBe(5);
    const { id, caption, captions, chat } = before.seen;
    expect(chat).toHaveLength(2);
    expect(captions).toHaveLength(2);
    expect(after).toMatchObject({ id, caption, captions, chat });
    expect(embeddings(library)).toEqual(before.rows);
  });

  it('is looked at again when the picture itself was edited, and keeps what a person wrote', async () => {
    const before = { seen: await details('sample-01.jpg'), rows: embeddings(library) };
    await writeFile(at('sample-01.jpg'), await sharp(at('sample-01.jpg')).rotate(90).jpeg().toBuffer());
    expect(await indexed(engine, { captions: false })).toMatchObject({ indexed: 1, failed: [] });
    const after = await details('sample-01.jpg');
    expect(after).toMatchObject({ id: before.seen.id, caption: 'Eileen at work', chat: before.seen.chat });
    expect(after.captions.map((entry) => entry.source)).toEqual(['person']); // the model spoke of another picture
    const seqOf = (rows: typeof before.rows): number | undefined =>
      rows.find((row) => row.photoId === after.id)?.seq;
    expect(seqOf(embeddings(library))).toBeGreaterThan(seqOf(before.rows) ?? Infinity);
    expect(embeddings(library)).toHaveLength(names.length);
  });

  it('is noticed when its content was swapped under the same size and time', async () => {
    const { mtime } = await stat(at('sample-05.jpg'));
    const fresh = await sharp(at('sample-07.jpg')).resize(300).jpeg({ quality: 50 }).toBuffer();
    const { size } = await stat(at('sample-05.jpg'));
    await writeFile(at('sample-05.jpg'), fresh);
    await truncate(at('sample-05.jpg'), size);
    await utimes(at('sample-05.jpg'), mtime, mtime);
    expect(await stat(at('sample-05.jpg'))).toMatchObject({ size, mtime });
    expect(await indexed(engine, { captions: false })).toMatchObject({ indexed: 1 });
    expect((await photoNamed(engine, 'sample-05.jpg')).width).toBe(300);
  });

  it('keep their words when two files change places', async () => {
    const [one, two] = [await photoNamed(engine, 'sample-07.jpg'), await photoNamed(engine, 'sample-08.jpg')];
    const before = embeddings(library);
    await rename(at('sample-07.jpg'), at('spare.jpg'));
    await rename(at('sample-08.jpg'), at('sample-07.jpg'));
    await rename(at('spare.jpg'), at('sample-08.jpg'));
    await indexed(engine, { captions: false });
    expect((await photoNamed(engine, 'sample-07.jpg')).id).toBe(two.id);
    expect((await photoNamed(engine, 'sample-08.jpg')).id).toBe(one.id);
    expect(embeddings(library).map((row) => row.photoId)).toEqual(before.map((row) => row.photoId));
  });

  it('that is still being written is indexed as it is in the end', async () => {
    const whole = await readFile(path.join(samples, 'sample-09.jpg'));
    await writeFile(at('slow.jpg'), whole.subarray(0, 20_000));
    const job = await engine.index({ captions: false });
    for (let from = 20_000; from < whole.length; from += 60_000) {
      await delay(60);
      await appendFile(at('slow.jpg'), whole.subarray(from, from + 60_000));
    }
    await finished(engine, job.id); // saw a part of it, and may have said so
    await indexed(engine, { captions: false });
    const seen = await details('slow.jpg');
    expect(seen).toMatchObject({ state: 'ready', reason: null });
    expect(seen.files[0]?.bytes).toBe(whole.length);
    expect(embeddings(library)).toHaveLength(names.length + 1);
  });

  it('that grows all the time while it is read is told, not half kept', async () => {
    await writeFile(at('growing.jpg'), await readFile(path.join(samples, 'sample-10.jpg')));
    const file = { grows: true };
    const grow = (async (): Promise<void> => {
      while (file.grows) {
        await appendFile(at('growing.jpg'), '.');
        await delay(2);
      }
    })();
    const report = await indexed(engine, { captions: false });
    file.grows = false;
    await grow;
    expect(report.failed).toMatchObject([{ path: at('growing.jpg') }]);
    expect(report.failed[0]?.reason).toMatch(/changed while it was read/);
    expect(await indexed(engine, { captions: false })).toMatchObject({ indexed: 1, failed: [] });
  });
});
