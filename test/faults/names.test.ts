/** Names and links: identity is raw bytes, links lead nowhere, and every name comes back as it was. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPhotos, indexed, photoNamed, scratch, withEngine, withoutModel } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

describe('strange names', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  const composed = 'caf\u00e9.jpg';
  const decomposed = 'cafe\u0301.jpg';
  const long = `${'x'.repeat(251)}.jpg`; // 255 bytes
  const raw = Buffer.from('bad\xff\xfename.jpg', 'latin1');
  const names = [composed, decomposed, 'new\nline.jpg', long, '-rf.jpg', 'q\'uo"te.jpg', ' .jpg', '<b>.jpg'];

  it('keeps every file apart by its bytes and gives every path back as it is', async () => {
    const made = path.join(folder, 'made');
    const pictures = await makePhotos(made, names.length + 1);
    const content = (i: number): Promise<Buffer> => readFile(path.join(made, pictures[i] ?? ''));
    await mkdir(photos);
    for (const [i, name] of names.entries()) await writeFile(path.join(photos, name), await content(i));
    await writeFile(Buffer.concat([Buffer.from(`${photos}/`), raw]), await content(names.length));

    await withEngine({ library, ...withoutModel }, async (engine) => {
      expect(await indexed(engine, { folders: [photos] })).toMatchObject({
        photos: names.length + 1,
        indexed: names.length + 1,
        failed: [],
      });
      const files = [];
      for (const { id } of await allPhotos(engine)) files.push(...(await engine.photo({ id })).files);
      const odd = files.filter((file) => file.pathBytes !== undefined);
      expect(odd.map((file) => Buffer.from(file.pathBytes ?? '', 'base64'))).toEqual([
        Buffer.concat([Buffer.from(`${photos}/`), raw]),
      ]);
      const plain = files.filter((file) => file.pathBytes === undefined).map((file) => file.path);
      expect(plain.sort()).toEqual(names.map((name) => path.join(photos, name)).sort());
      expect(await indexed(engine, {})).toMatchObject({ indexed: 0, unchanged: names.length + 1 });
    });
  });

  it('finds both spellings of an accent by either', async () => {
    await withEngine({ library, ...withoutModel }, async (engine) => {
      for (const query of ['caf\u00e9', 'cafe\u0301', 'cafe']) {
        const { hits } = await engine.search({ query });
        expect(hits.map((hit) => path.basename(hit.path)).sort()).toEqual([composed, decomposed].sort());
      }
    });
  });

  it('exports a path that is not UTF-8 with its bytes, and writes its sidecar beside it', async () => {
    await withEngine({ library, ...withoutModel }, async (engine) => {
      const { id } = await photoNamed(engine, raw.toString('utf8'));
      await engine.writeCaption({ id, text: 'a name of bytes' });
      const out = path.join(folder, 'out');
      const { written } = await engine.export({ format: 'jsonl', out });
      const line = JSON.parse(await readFile(written[0] ?? '', 'utf8')) as { pathBytes: string };
      expect(Buffer.from(line.pathBytes, 'base64').subarray(-raw.length)).toEqual(raw);
      await engine.export({ format: 'xmp' });
      const sidecar = Buffer.concat([Buffer.from(`${photos}/`), raw, Buffer.from('.xmp')]);
      expect(await readFile(sidecar, 'utf8')).toContain('a name of bytes');
    });
  });
});

describe('links', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');

  it('never loop, and never lead out of the folder', async () => {
    await makePhotos(photos, 3);
    await makePhotos(path.join(folder, 'outside'), 5);
    const link = (target: string, name: string): Promise<void> => symlink(target, path.join(photos, name));
    await link('.', 'self');
    await link('..', 'parent');
    await link('b', 'a');
    await link('a', 'b');
    await link(path.join(folder, 'outside'), 'out');
    await mkdir(path.join(photos, 'deep'));
    for (let i = 0; i < 40; i++) await link(i === 39 ? 'photo-000.jpg' : `chain-${i + 1}`, `chain-${i}`);
    await symlink(photos, path.join(photos, 'deep', 'up'));

    const library = path.join(folder, 'library');
    const report = await withEngine({ library, ...withoutModel }, (engine) =>
      indexed(engine, { folders: [photos] }),
    );
    expect(report).toMatchObject({ photos: 3, indexed: 3, failed: [] });
    expect(report.skipped).toHaveLength(5 + 40 + 1);
  });

  it('takes a folder that is itself a link as the folder it points to', async () => {
    const alias = path.join(folder, 'alias');
    await symlink(photos, alias);
    await withEngine({ library: path.join(folder, 'second'), ...withoutModel }, async (engine) => {
      await indexed(engine, { folders: [alias, photos, path.join(photos, 'deep')] });
      expect((await engine.status({})).roots.map((root) => root.path)).toEqual([photos]);
    });
  });

  it('scans a folder once that is given before the folder around it', async () => {
    const inner = path.join(folder, 'outside', 'inner');
    await makePhotos(inner, 2);
    await symlink('nowhere', path.join(inner, 'dangling'));
    await withEngine({ library: path.join(folder, 'third'), ...withoutModel }, async (engine) => {
      const outer = path.dirname(inner);
      const report = await indexed(engine, { folders: [inner, outer, inner] });
      expect(report.photos).toBe(7); // two of which are byte-identical copies
      expect(report.skipped).toHaveLength(1);
      expect((await engine.status({})).roots.map((root) => root.path)).toEqual([outer]);
    });
  });
});
