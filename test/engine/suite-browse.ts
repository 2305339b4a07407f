/** Browsing: counts, pages, folders, metadata, orientation and thumbnails. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { allPhotos, photoNamed } from './helpers.ts';
import { fileCount, photoCount, type World } from './suite.ts';

export function browsing(world: () => World): void {
  it('reports every file: indexed, no photo by its content, or unreadable', () => {
    const { report, photos } = world();
    expect(report).toMatchObject({ photos: fileCount, indexed: fileCount, unchanged: 0 });
    expect(report.skipped.map((entry) => entry.path)).toEqual([path.join(photos, 'bad/text.jpg')]);
    expect(report.failed.map((entry) => entry.path)).toEqual([path.join(photos, 'bad/truncated.jpg')]);
    expect(report.failed[0]?.reason).toMatch(/not decodable as jpeg/i);
    expect(report.seconds).toBeGreaterThan(0);
  });

  it('counts photos, not files', async () => {
    const { api, library, photos } = world();
    const status = await api.status({});
    expect(status).toMatchObject({
      library,
      photos: photoCount,
      searchable: photoCount,
      captioned: photoCount,
      failed: 1,
      writable: true,
      notice: null,
    });
    expect(status.roots).toMatchObject([{ path: photos, state: 'online', photos: photoCount }]);
    expect(status.models.search?.id).toBe('iris-starter');
  });

  it('pages through all photos once, newest first', async () => {
    const { api } = world();
    const all = await allPhotos(api);
    const pages = await Promise.all([0, 10, 20, 30].map((offset) => api.photos({ offset, limit: 10 })));
    expect(pages.map((page) => page.total)).toEqual([photoCount, photoCount, photoCount, photoCount]);
    expect(pages.flatMap((page) => page.photos)).toEqual(all);
    const dates = all.map((photo) => photo.takenAt);
    expect(dates).toEqual([...dates].sort().reverse());
    for (const photo of all) {
      expect(photo).toMatchObject({ state: 'ready' });
      expect(photo.colour).toMatch(/^#[0-9a-f]{6}$/);
      expect(photo.width * photo.height).toBeGreaterThan(0);
    }
  });

  it('lists folders, and a folder shows what lies below it too', async () => {
    const { api } = world();
    const folders = await api.folders({});
    expect(Object.fromEntries(folders.map((entry) => [entry.folder, entry.photos]))).toEqual({
      '': 14,
      camera: 3,
      'camera/deep': 1,
      copies: 1,
      turned: 8,
    });
    const [root] = folders.map((entry) => entry.root);
    const within = async (folder: string): Promise<number> =>
      (await api.photos({ root: root ?? 0, folder, offset: 0, limit: 50 })).total;
    expect(await within('camera')).toBe(4);
    expect(await within('camera/deep')).toBe(1);
    expect(await within('cam')).toBe(0);
    expect(await within('')).toBe(photoCount);
  });

  it('reads date, zone, camera, lens, place and exposure', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'gps.jpg');
    const { metadata, takenAt } = await api.photo({ id });
    expect(takenAt).toBe('2022-07-09T17:45:12');
    expect(metadata).toMatchObject({
      format: 'jpeg',
      offset: '-03:00',
      camera: 'Canon EOS R6',
      lens: 'RF24-105mm F4 L IS USM',
      exposure: '1/250',
      aperture: 5.6,
      iso: 200,
      focalLength: 50,
      orientation: 1,
    });
    expect(metadata.latitude).toBeCloseTo(-22.95191, 4);
    expect(metadata.longitude).toBeCloseTo(-43.21049, 4);
  });

  it('keeps a date without a zone as wall-clock time, and takes the file time for one of zeros', async () => {
    const { api, photos } = world();
    const plain = await api.photo({ id: (await photoNamed(api, 'no-offset.jpg')).id });
    expect(plain).toMatchObject({ takenAt: '2021-03-04T05:06:07', metadata: { offset: null } });
    const zero = await api.photo({ id: (await photoNamed(api, 'zero-date.jpg')).id });
    const { mtime } = await stat(path.join(photos, 'camera/zero-date.jpg'));
    expect(zero).toMatchObject({
      takenAt: mtime.toISOString().slice(0, 19),
      metadata: { offset: null, latitude: null },
    });
  });

  it('shows a photo and its byte-identical copy as one photo with two files', async () => {
    const { api, photos } = world();
    const cat = await photoNamed(api, 'sample-02.png');
    const { files } = await api.photo({ id: cat.id });
    expect(files.map((file) => file.path).sort()).toEqual([
      path.join(photos, 'copies/the cat again.png'),
      path.join(photos, 'sample-02.png'),
    ]);
    expect(files.every((file) => file.present && file.bytes === 240_512)).toBe(true);
  });

  it('turns all eight orientations upright: same size, same picture', async () => {
    const { api, engine } = world();
    const upright = await thumbnailOf(world(), 'orientation-1.jpg');
    for (let n = 1; n <= 8; n++) {
      const photo = await photoNamed(api, `orientation-${n}.jpg`);
      expect([photo.width, photo.height]).toEqual([96, 64]);
      expect((await api.photo({ id: photo.id })).metadata.orientation).toBe(n);
      expect(await engine.thumbnail(photo.id)).toBeDefined();
      expect(meanDifference(await thumbnailOf(world(), `orientation-${n}.jpg`), upright)).toBeLessThan(3);
    }
    const mirrored = await sharp(upright, { raw: { width: 96, height: 64, channels: 3 } })
      .flop()
      .raw()
      .toBuffer();
    expect(meanDifference(mirrored, upright)).toBeGreaterThan(10); // the measure sees a wrong turn
  });

  it('makes thumbnails of at most 720 px in the shape of the photo', async () => {
    const { api, engine } = world();
    for (const photo of await allPhotos(api)) {
      const { width, height, format } = await sharp(await engine.thumbnail(photo.id)).metadata();
      expect(format).toBe('jpeg');
      expect(Math.max(width, height)).toBe(Math.min(720, Math.max(photo.width, photo.height)));
      expect(width / height).toBeCloseTo(photo.width / photo.height, 1);
    }
    expect(await engine.thumbnail(999_999)).toBeUndefined();
  });

  it('says not-found for a photo, folder or job that is not there', async () => {
    const { api } = world();
    const missing = { code: 'not-found' };
    await expect(api.photo({ id: 999_999 })).rejects.toMatchObject(missing);
    await expect(api.writeCaption({ id: 999_999, text: 'x' })).rejects.toMatchObject(missing);
    await expect(api.clearChat({ id: 999_999 })).rejects.toMatchObject(missing);
    await expect(api.removeFolder({ id: 999_999 })).rejects.toMatchObject(missing);
    await expect(api.cancel({ job: 999_999 })).rejects.toMatchObject(missing);
    await expect(api.addFolder({ path: '/no/such/folder' })).rejects.toMatchObject(missing);
    await expect(api.caption({ photo: { id: 999_999 } })).rejects.toMatchObject(missing);
    await expect(api.caption({ photo: { path: '/no/such/photo.jpg' } })).rejects.toMatchObject(missing);
  });

  it('takes a folder, never a file, as a folder', async () => {
    const { api, photos } = world();
    const file = path.join(photos, 'sample-01.jpg');
    await expect(api.addFolder({ path: file })).rejects.toMatchObject({ code: 'bad-request' });
  });
}

async function thumbnailOf({ api, engine }: World, name: string): Promise<Buffer> {
  const { id } = await photoNamed(api, name);
  return await sharp(await engine.thumbnail(id))
    .raw()
    .toBuffer();
}

function meanDifference(a: Buffer, b: Buffer): number {
  expect(a.length).toBe(b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0));
  return sum / a.length;
}
