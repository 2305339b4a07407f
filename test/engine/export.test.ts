/** What a person chooses in an export: which photos, which columns, a dry run first; and that it is a job. */
import { exiftool } from 'exiftool-vendored';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ExportField, ExportReport, Job } from '../../src/shared/contract.ts';
import { createEngine } from '../../src/main/engine.ts';
import { parseCsv } from './csv.ts';
import { fingerprint } from './fingerprint.ts';
import { indexed, look, photoNamed, scratch, withoutModel } from './helpers.ts';
import { makePhotos } from './make-photos.ts';

const count = 30;
const hostile = '</rdf:li><x a="1">\r\n]]> & "quoted" \u0007\ud83d\udc08';
const formats = ['csv', 'jsonl', 'html', 'txt', 'xmp'] as const;

describe('an export', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  let engine: Engine;
  let names: string[];
  const idOf = async (name: string): Promise<number> => (await photoNamed(engine, name)).id;
  const written = (): unknown[] => look(library, (db) => db.all('SELECT * FROM sidecar ORDER BY path'));

  /** All captioned but the last. */
  beforeAll(async () => {
    names = await makePhotos(photos, count);
    engine = await createEngine({ library, access: 'write', ...withoutModel });
    await indexed(engine, { folders: [photos] });
    for (const name of names.slice(0, -1))
      await engine.writeCaption({ id: await idOf(name), text: `${name}: ${hostile}` });
  });
  afterAll(async () => {
    await engine.close();
    await exiftool.end();
  });

  it.each(formats)('as %s is told beforehand by a dry run, which writes nothing at all', async (format) => {
    const out = path.join(folder, `dry-${format}`);
    const [before, rows] = [await fingerprint(folder, library), written()];
    const jobs = (await engine.jobs({})).map((job) => job.id);
    const dry = await engine.export({ format, out, dryRun: true });
    expect(await fingerprint(folder, library)).toEqual(before);
    expect(written()).toEqual(rows);
    expect((await engine.jobs({})).map((job) => job.id)).toEqual(jobs);

    const real = await engine.export({ format, out });
    expect({ ...dry, preview: null }).toEqual(real);
    expect(real.written).toHaveLength(format === 'txt' || format === 'xmp' ? count - 1 : 1);
    const first = await readFile(real.written[0] ?? '', 'utf8');
    expect(dry.preview).toBe(first.slice(0, 4000));
  });

  it.each(formats)('as %s changes nothing the second time', async (format) => {
    const out = path.join(folder, 'twice');
    const first = await engine.export({ format, out });
    const [before, rows] = [await fingerprint(out), written()];
    expect(await engine.export({ format, out })).toEqual(first);
    expect(await fingerprint(out)).toEqual(before);
    expect(written()).toEqual(rows);
  });

  it('beside the photos is told by a dry run too, with the reason for what it leaves alone', async () => {
    const foreign = path.join(photos, `${names[3] ?? ''}.xmp`);
    await writeFile(foreign, '<x/>');
    const before = await fingerprint(photos);
    const dry = await engine.export({ format: 'xmp', dryRun: true });
    expect(await fingerprint(photos)).toEqual(before);
    expect(dry.written).toHaveLength(count - 2);
    expect(dry.skipped).toEqual([
      { path: foreign, reason: expect.stringMatching(/did not write/) as string },
    ]);
    const nowhere = path.join(foreign, 'below');
    const refused = await engine.export({ format: 'csv', out: nowhere, dryRun: true });
    expect(refused).toMatchObject({ written: [], preview: null });
    expect(refused.failed).toHaveLength(1); // as the real one would fail
    expect((await engine.export({ format: 'csv', out: nowhere })).failed).toHaveLength(1);
  });

  it('writes the chosen photos only, and says which of them have nothing to write', async () => {
    const [one, bare] = [names[1] ?? '', names.at(-1) ?? ''];
    const ids = [await idOf(bare), await idOf(one), await idOf(one)];
    const out = path.join(folder, 'chosen');
    const texts = await engine.export({ format: 'txt', out, ids });
    expect(texts.written).toEqual([path.join(out, one.replace('.jpg', '.txt'))]);
    expect(texts.skipped).toMatchObject([
      {
        path: path.join(out, bare.replace('.jpg', '.txt')),
        reason: expect.stringMatching(/no caption/) as string,
      },
    ]);
    const table = await engine.export({ format: 'csv', out, ids, fields: ['size'] });
    expect(parseCsv(await readFile(table.written[0] ?? '', 'utf8'))).toEqual([
      ['path', 'caption', 'width', 'height'],
      [path.join(photos, one), `${one}: ${hostile}`, '240', '240'],
      [path.join(photos, bare), '', '240', '240'],
    ]);
    await expect(engine.export({ format: 'txt', out, ids: [...ids, 9999] })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('gives a photo the same name whatever else is chosen', async () => {
    const ids = [await idOf('photo-005.jpg')];
    await writeFile(path.join(photos, 'photo-005.png'), await readFile(path.join(photos, 'photo-006.jpg')));
    await indexed(engine, {}); // it is a copy of a photo with a caption
    const { written } = await engine.export({ format: 'txt', out: path.join(folder, 'named'), ids });
    expect(written.map((file) => path.basename(file))).toEqual(['photo-005.jpg.txt']);
  });

  it('as XMP is read by another program, word for word', async () => {
    const out = path.join(folder, 'read');
    const [id, bare] = [await idOf('photo-002.jpg'), await idOf(names.at(-1) ?? '')];
    await engine.rate({ ids: [id, bare], rating: 4 });
    await engine.tag({ ids: [id], add: ['family', 'a, <b> & "c"', '家人'], remove: [] });
    const { written } = await engine.export({ format: 'xmp', out, ids: [id, bare] });
    const tags = await exiftool.read(written[0] ?? '');
    expect(tags.errors).toEqual([]);
    // XML has no control characters, and its readers may give a line's end either way.
    const said = String((tags as { Description?: unknown }).Description);
    expect(said.replace('\r', '')).toBe(`photo-002.jpg: ${hostile}`.replace(/[\r\u0007]/g, ''));
    expect(tags).toMatchObject({ Rating: 4, Subject: ['a, <b> & "c"', 'family', '家人'] });
    expect(written).toHaveLength(2); // stars are worth a file even without a caption
    expect(await exiftool.read(written[1] ?? '')).toMatchObject({ errors: [], Rating: 4 });
    const fields: ExportField[] = ['rating', 'tags'];
    const lines = await engine.export({ format: 'jsonl', out, ids: [id, bare], fields });
    const rows = (await readFile(lines.written[0] ?? '', 'utf8')).trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toMatchObject([
      { rating: 4, tags: ['a, <b> & "c"', 'family', '家人'] },
      { rating: 4, tags: [] },
    ]);
  });

  it('is a job that is told, held, and cancelled by its number', async () => {
    const listening = new AbortController();
    let ended: ExportReport | Error | undefined;
    const out = path.join(folder, 'cancelled');
    await mkdir(out);
    const events = engine.events({}, listening.signal);
    const next = events[Symbol.asyncIterator]();
    const first = next.next();
    const call = engine.export({ format: 'txt', out }).then(
      (report) => (ended = report),
      (error: unknown) => (ended = error as Error),
    );
    const event = (await first).value as { type: 'job'; job: Job };
    const { id } = event.job;
    await engine.pause({ job: id });
    const held = await fingerprint(out);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(Object.keys(await fingerprint(out)).length - Object.keys(held).length).toBeLessThanOrEqual(1);
    expect(ended).toBeUndefined();
    const job = (await engine.jobs({})).find((entry) => entry.id === id);
    expect(job).toMatchObject({ kind: 'export', phase: 'export', state: 'paused', total: count });
    await engine.cancel({ job: id });
    await call;
    expect(ended).toMatchObject({ code: 'aborted' });
    expect((await engine.jobs({})).find((entry) => entry.id === id)).toMatchObject({
      state: 'cancelled',
      phase: 'finished',
    });
    listening.abort();
  });
});
