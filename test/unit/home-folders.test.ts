/** The folder picker stays in the home folder, whatever path or link is tried. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFolder } from '../../src/main/services/home-folders.ts';

const base = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'iris-home-')));
const home = path.join(base, 'home', 'ann');

beforeAll(async () => {
  for (const folder of ['Pictures/Summer', 'Pictures/Trip 10', 'Pictures/Trip 9', '.ssh/keys', 'closed'])
    await mkdir(path.join(home, folder), { recursive: true });
  await mkdir(path.join(base, 'home', 'ann-private', 'inner'), { recursive: true });
  for (const file of ['a.jpg', 'b.HEIC', 'c.nef', 'notes.txt', '.hidden.jpg', 'Summer/d.jpg'])
    await writeFile(path.join(home, 'Pictures', file), '');
  const links = {
    out: path.join(base, 'home', 'ann-private'),
    'to-hidden': path.join(home, '.ssh'),
    'to-nothing': path.join(home, 'nowhere'),
    'to-file': path.join(home, 'Pictures', 'a.jpg'),
    within: path.join(home, 'Pictures', 'Summer'),
    up: base,
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, path.join(home, name));
  await symlink(home, path.join(base, 'home-link'));
});

afterAll(async () => {
  await chmod(path.join(home, 'closed'), 0o700);
  await rm(base, { recursive: true });
});

describe('listFolder', () => {
  it('begins with the home folder, without what is hidden or leads out', async () => {
    const listing = await listFolder(undefined, home);
    expect(listing).toMatchObject({ path: home, parent: null, photos: 0 });
    expect(listing.folders.map((folder) => folder.name)).toEqual(['closed', 'Pictures', 'within']);
  });

  it('counts the photos by name directly inside, and sorts numbers as numbers', async () => {
    const listing = await listFolder(path.join(home, 'Pictures'), home);
    expect(listing).toMatchObject({ path: path.join(home, 'Pictures'), parent: home, photos: 3 });
    expect(listing.folders).toEqual(
      ['Summer', 'Trip 9', 'Trip 10'].map((name) => ({ name, path: path.join(home, 'Pictures', name) })),
    );
  });

  it('opens a link inside by where it leads', async () => {
    const listing = await listFolder(path.join(home, 'within'), home);
    expect(listing).toMatchObject({ path: path.join(home, 'Pictures', 'Summer'), photos: 1 });
  });

  it('knows the home folder also where that is a link', async () => {
    const linked = path.join(base, 'home-link');
    expect(await listFolder(undefined, linked)).toMatchObject({ path: home, parent: null });
    expect(await listFolder(path.join(linked, 'Pictures'), linked)).toMatchObject({ parent: home });
  });

  it.each([
    ['the folder above', (): string => path.dirname(home)],
    ['a way up', (): string => `${home}/Pictures/../..`],
    ['a way up and down', (): string => `${home}/../ann-private`],
    ['a sibling whose name begins alike', (): string => `${home}-private`],
    ['a link that leads out', (): string => path.join(home, 'out')],
    ['a folder behind a link that leads out', (): string => path.join(home, 'out', 'inner')],
    ['a link above itself', (): string => path.join(home, 'up', 'home')],
    ['a hidden folder', (): string => path.join(home, '.ssh')],
    ['a folder in a hidden one', (): string => path.join(home, '.ssh', 'keys')],
    ['a link to a hidden one', (): string => path.join(home, 'to-hidden')],
    ['the root', (): string => '/'],
    ['a folder outside that is not there', (): string => '/nowhere/at/all'],
    ['a relative path', (): string => 'Pictures'],
    ['nothing', (): string => ''],
    ['a zero byte', (): string => `${home}/Pictures\0/../..`],
  ])('refuses %s', async (_, wanted) => {
    await expect(listFolder(wanted(), home)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(`Expected a folder inside ${home}`) as string,
    });
  });

  it('says what is wrong with a folder that is gone, or is none', async () => {
    const gone = path.join(home, 'gone');
    await expect(listFolder(gone, home)).rejects.toMatchObject({
      code: 'not-found',
      message: `There is no folder ${gone}.`,
    });
    await expect(listFolder(path.join(home, 'Pictures/a.jpg'), home)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('is a file') as string,
    });
  });

  it.skipIf(process.getuid?.() === 0)('says that a folder may not be read', async () => {
    await chmod(path.join(home, 'closed'), 0);
    await expect(listFolder(path.join(home, 'closed'), home)).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining('permission denied') as string,
    });
  });
});
