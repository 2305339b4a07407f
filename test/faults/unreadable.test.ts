/** Folders and files that Iris may not read: told, and proof of nothing about what lies in them. */
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { IndexReport } from '../../src/shared/contract.ts';
import { iris, jsonLines, type Ran } from '../engine/cli.ts';
import { look, scratch } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

/** Permissions do not bind root: under root the command runs as nobody. */
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
const under = isRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'] : [];

describe('a folder that may not be read', { timeout: 240_000 }, () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const locked = path.join(photos, 'locked');
  const library = path.join(folder, 'library');
  const index = (): Promise<Ran> =>
    iris(['--library', library, '--json', 'index', '--no-captions', photos], {
      under,
      env: { HOME: folder },
    });

  it('fails the scan, and the photos known to lie in it stay', async () => {
    await makePhotos(photos, 4);
    await makePhotos(locked, 6); // more than a fifth of all
    await mkdir(library);
    if (isRoot)
      for (const name of [
        '.',
        'library',
        'photos',
        ...(await readdir(photos, { recursive: true })).map((entry) => path.join('photos', entry)),
      ])
        await chown(path.join(folder, name), nobody, nobody);
    expect(jsonLines(await index())).toMatchObject([{ photos: 10, failed: [] }]);

    await chmod(locked, 0);
    await chmod(path.join(photos, 'photo-001.jpg'), 0);
    const ran = await index();
    await chmod(locked, 0o755);
    expect(ran.code).toBe(1);
    const [report] = jsonLines(ran) as [IndexReport];
    const reasons = Object.fromEntries(report.failed.map((entry) => [entry.path, entry.reason]));
    expect(Object.keys(reasons).sort()).toEqual([locked, path.join(photos, 'photo-001.jpg')]);
    expect(reasons[locked]).toMatch(/could not be read/);
    expect(reasons[path.join(photos, 'photo-001.jpg')]).toMatch(/permission/i);
    const present = look(library, (db) => db.get<{ n: number }>('SELECT sum(present) AS n FROM file'));
    expect(present).toEqual({ n: 10 });
  });
});
