/** The library's order: filters, days, facets, stars, tags, saved searches, settings, problems. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { allPhotos, indexed, photoNamed } from './helpers.ts';
import { photoCount, type World } from './suite.ts';

export function library(world: () => World): void {
  it('filters and sorts pages, and counts days and facets of the same photos', async () => {
    const { api } = world();
    const filter = { camera: 'Canon EOS R6', located: true, from: '2022-07-09', to: '2022-07-09' };
    const page = await api.photos({ ...filter, sort: 'oldest', offset: 0, limit: 10 });
    expect(page.photos.map((photo) => photo.name)).toEqual(['gps.jpg']);
    expect(await api.timeline(filter)).toEqual([{ day: '2022-07-09', photos: 1 }]);
    expect(await api.places(filter)).toMatchObject([{ id: page.photos[0]?.id }]);
    const facets = await api.facets(filter);
    expect(facets).toMatchObject({ years: [{ value: '2022', photos: 1 }], located: 1, captioned: 1 });
    const days = await api.timeline({});
    expect(days.reduce((sum, day) => sum + day.photos, 0)).toBe(photoCount);
    const byName = (await api.photos({ sort: 'name', offset: 0, limit: 1000 })).photos;
    const names = byName.map((photo) => photo.name.toLowerCase());
    expect(names).toEqual([...names].sort());
  });

  it('keeps stars and tags of a person through another indexing', async () => {
    const { api } = world();
    const ids = (await allPhotos(api)).slice(0, 3).map((photo) => photo.id);
    await api.rate({ ids, rating: 5 });
    await api.tag({ ids, add: ['quokkas'], remove: [] });
    await indexed(api, { captions: false });
    const best = await api.photos({ rating: 5, tag: 'Quokkas', offset: 0, limit: 10 });
    expect(best.photos.map((photo) => [photo.id, photo.rating])).toEqual(ids.map((id) => [id, 5]));
    expect((await api.photo({ id: ids[0] ?? 0 })).tags).toEqual(['quokkas']);
    const { hits } = await api.search({ query: 'quokkas' });
    const found = hits.filter((hit) => hit.why.some((why) => why.kind === 'caption'));
    expect(found.map((hit) => hit.photo.id).sort()).toEqual([...ids].sort());
    await api.tag({ ids, add: [], remove: ['quokkas'] });
    await api.rate({ ids, rating: 0 });
    expect((await api.facets({})).tags).toEqual([]);
    expect((await api.photos({ rating: 1, offset: 0, limit: 10 })).total).toBe(0);
    await expect(api.rate({ ids: [999_999], rating: 1 })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('keeps saved searches and settings', async () => {
    const { api } = world();
    const saved = await api.saveSearch({ name: 'Dogs', query: 'dog', filter: { captioned: true } });
    expect(await api.searches({})).toEqual([saved]);
    await api.removeSearch({ id: saved.id });
    expect(await api.searches({})).toEqual([]);
    await expect(api.removeSearch({ id: saved.id })).rejects.toMatchObject({ code: 'not-found' });
    await api.saveSettings({ key: 'layout', value: { side: 220 } });
    expect(await api.settings({})).toEqual({ layout: { side: 220 } });
  });

  it('names the files with problems, failures first, and reads them again when asked', async () => {
    const { api, photos } = world();
    const listed = await api.problems({ offset: 0, limit: 10 });
    expect(listed.total).toBe(2);
    expect(listed.problems.map((problem) => [problem.kind, problem.path])).toEqual([
      ['failed', path.join(photos, 'bad/truncated.jpg')],
      ['skipped', path.join(photos, 'bad/text.jpg')],
    ]);
    const report = await indexed(api, { retry: true, captions: false });
    expect(report.failed).toHaveLength(1);
    const again = await api.problems({ offset: 0, limit: 10 });
    const unread = expect.stringMatching(/^Not decodable as jpeg: /) as string;
    expect(again).toEqual({
      total: 2,
      // The decoder has not always the same words for it.
      problems: listed.problems.map((one) => (one.kind === 'failed' ? { ...one, reason: unread } : one)),
    });
    expect((await photoNamed(api, 'gps.jpg')).state).toBe('ready');
  });
}
