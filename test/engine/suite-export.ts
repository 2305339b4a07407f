/** Export: tables and sidecars, and never over anything that Iris did not write. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parseCsv } from './csv.ts';
import { photoNamed } from './helpers.ts';
import { fileCount, type World } from './suite.ts';

const hostile = 'He said "hi", <img src=x onerror=alert(1)> & \'left\'\r\n=1+1 \u0001\ud83d\udc08 ]]>';

export function exporting(world: () => World): void {
  const out = (): string => path.join(path.dirname(world().library), 'out');

  it('needs a folder for a table', async () => {
    await expect(world().api.export({ format: 'csv' })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('writes every captioned file into a CSV that quotes what needs it', async () => {
    const { api, photos } = world();
    await api.writeCaption({ id: (await photoNamed(api, 'sample-01.jpg')).id, text: hostile });
    const report = await api.export({ format: 'csv', out: out() });
    const written = [path.join(out(), 'iris-captions.csv')];
    expect(report).toEqual({ written, skipped: [], failed: [], preview: null });
    const rows = parseCsv(await readFile(report.written[0] ?? '', 'utf8'));
    expect(rows[0]).toEqual(['path', 'caption', 'source', 'model', 'taken_at', 'width', 'height']);
    expect(rows).toHaveLength(1 + fileCount);
    const row = rows.find((fields) => fields[0] === path.join(photos, 'sample-01.jpg'));
    expect(row?.slice(1, 4)).toEqual([hostile, 'person', '']);
    expect(rows.every((fields) => fields.length === 7)).toBe(true);
  });

  it('writes one JSON object a line', async () => {
    const { api, photos } = world();
    const { written } = await api.export({ format: 'jsonl', out: out() });
    const lines = (await readFile(written[0] ?? '', 'utf8')).trimEnd().split('\n');
    const entries = lines.map(
      (line) => JSON.parse(line) as { path: string; caption: string; source: string },
    );
    expect(entries).toHaveLength(fileCount);
    expect(entries.find((entry) => entry.path === path.join(photos, 'sample-01.jpg'))).toMatchObject({
      caption: hostile,
      source: 'person',
    });
  });

  it('writes a page whose captions are text, whatever they say', async () => {
    const { api } = world();
    const { written } = await api.export({ format: 'html', out: out() });
    const page = await readFile(written[0] ?? '', 'utf8');
    expect(page.match(/<figure>/g)).toHaveLength(fileCount);
    expect(page.match(/<img /g)).toHaveLength(fileCount); // none of them from a caption
    expect(page).toContain('alt="He said &quot;hi&quot;, &lt;img src=x onerror=alert(1)&gt; &amp; ');
    expect(page).toContain('src="../photos/sample-01.jpg"');
  });

  it('writes a changed caption over its own table, but leaves a table that was changed since', async () => {
    const { api } = world();
    const table = path.join(out(), 'iris-captions.jsonl');
    expect((await api.export({ format: 'jsonl', out: out() })).written).toEqual([table]);
    await writeFile(table, 'my notes');
    const report = await api.export({ format: 'jsonl', out: out() });
    expect(report).toMatchObject({ written: [], skipped: [{ path: table }], failed: [] });
    expect(report.skipped[0]?.reason).toMatch(/changed/);
    expect(await readFile(table, 'utf8')).toBe('my notes');
  });

  it('mirrors the folders of the library under --out, with the names caption tools look for', async () => {
    const { api } = world();
    const { written, failed } = await api.export({ format: 'txt', out: out() });
    expect(failed).toEqual([]);
    expect(written).toHaveLength(fileCount);
    const sidecars = written.map((file) => path.relative(out(), file));
    expect(sidecars).toContain('sample-02.txt');
    expect(sidecars).toContain(path.join('copies', 'the cat again.txt'));
    const caption = (await photoNamed(api, 'sample-02.png')).caption ?? '';
    expect(await readFile(path.join(out(), 'sample-02.txt'), 'utf8')).toBe(`${caption}\n`);
  });

  it('writes XMP beside the photo under its full name, well-formed whatever the caption says', async () => {
    const { api } = world();
    const { written } = await api.export({ format: 'xmp', out: out() });
    const xmp = await readFile(path.join(out(), 'sample-01.jpg.xmp'), 'utf8');
    expect(written).toContain(path.join(out(), 'sample-01.jpg.xmp'));
    expect(xmp).toContain(
      '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">He said &quot;hi&quot;, &lt;img ',
    );
    expect(xmp).toContain(']]&gt;');
    expect(xmp).not.toContain('\u0001');
    expect(xmp.match(/</g)?.length).toBe(xmp.match(/>/g)?.length);
  });

  it('writes beside the photos without --out, and leaves the sidecars of others alone', async () => {
    const { api, photos } = world();
    const before = new Set(await readdir(photos, { recursive: true }));
    const foreign = path.join(photos, 'sample-04.txt');
    await writeFile(foreign, 'a caption by another program');
    const report = await api.export({ format: 'txt' });
    expect(report.written).toHaveLength(fileCount - 1);
    expect(report.skipped.map((entry) => entry.path)).toEqual([foreign]);
    expect(await readFile(foreign, 'utf8')).toBe('a caption by another program');
    const ours = path.join(photos, 'sample-03.txt');
    await writeFile(ours, 'edited by hand');
    const again = await api.export({ format: 'txt' });
    expect(again.skipped.map((entry) => entry.path).sort()).toEqual([ours, foreign]);
    expect(await readFile(ours, 'utf8')).toBe('edited by hand');
    for (const name of await readdir(photos, { recursive: true })) {
      expect(name).not.toMatch(/\.part$/);
      if (!before.has(name)) await rm(path.join(photos, name));
    }
  });

  it('can be cancelled', async () => {
    const stopped = AbortSignal.abort();
    await expect(world().api.export({ format: 'txt', out: out() }, stopped)).rejects.toMatchObject({
      code: 'aborted',
    });
  });
}
