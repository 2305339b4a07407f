/** Searching: by what a photo shows, by words of captions, names and chats, and by nothing at all. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { photoNamed } from './helpers.ts';
import { photoCount, type World } from './suite.ts';

export function searching(world: () => World): void {
  it('finds the cat by what the photo shows, best first, with the similarity as the reason', async () => {
    const { api, photos } = world();
    const { hits, searchable, waiting, query } = await api.search({ query: 'cat', limit: 20 });
    expect({ query, searchable, waiting }).toEqual({ query: 'cat', searchable: photoCount, waiting: 0 });
    expect([path.join(photos, 'sample-02.png'), path.join(photos, 'copies/the cat again.png')]).toContain(
      hits[0]?.path,
    );
    expect(hits[0]?.why.map((why) => why.kind)).toContain('looks');
    expect(hits[0]?.likely).toBe(true);
    const scores = hits.map((hit) => hit.score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(new Set(hits.map((hit) => hit.photo.id)).size).toBe(hits.length);
  });

  it.each([
    ['coffee in a cup', 'sample-03.jpg'],
    ['boats on the water', 'sample-14.jpg'],
  ])('ranks for "%s" the photo that shows it first', async (query, name) => {
    const { hits } = await world().api.search({ query, limit: 3 });
    expect(hits[0]?.photo.name).toBe(name);
  });

  it('gives no more than was asked for', async () => {
    const { hits } = await world().api.search({ query: 'cat', limit: 4 });
    expect(hits).toHaveLength(4);
  });

  it('finds a photo by a word of its file name, however that is written', async () => {
    const { api } = world();
    const { hits } = await api.search({ query: 'grandma', limit: 5 });
    expect(hits[0]?.photo.name).toBe('grandmaHouse_1936.png');
    expect(hits[0]?.why).toContainEqual({ kind: 'name', detail: 'grandma' });
  });

  it('finds a photo by a word of its folder', async () => {
    const { hits } = await world().api.search({ query: 'turned', limit: 20 });
    const named = hits.filter((hit) => hit.why.some((why) => why.kind === 'name'));
    expect(named).toHaveLength(8);
    expect(hits.slice(0, 8)).toEqual(named);
  });

  it("finds a photo by the words of a person's caption, until they take them back", async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-12.jpg');
    await api.writeCaption({ id, text: 'Our holiday near Zermatt with Frédéric' });
    const byWord = async (query: string): Promise<unknown[]> =>
      (await api.search({ query, limit: 30 })).hits
        .filter((hit) => hit.why.some((why) => why.kind === 'caption'))
        .map((hit) => hit.photo.id);
    expect(await byWord('zermatt')).toEqual([id]);
    expect(await byWord('frederic')).toEqual([id]);
    expect(await byWord('holidays with Frédéric')).toEqual([id]); // stems, and words that tell nothing
    expect(await byWord('zermatt nowhere')).toEqual([]);
  });

  it('takes operators of the query language as plain text', async () => {
    const { api } = world();
    for (const query of [
      '"',
      'cat OR',
      'NEAR(',
      '* AND ^',
      "'; DROP TABLE photo",
      'a'.repeat(5000),
      '🐈',
      '{}',
    ])
      await expect(api.search({ query, limit: 3 })).resolves.toMatchObject({ query });
    expect((await api.status({})).photos).toBe(photoCount);
  });

  it('finds nothing for a query of nothing', async () => {
    const { hits } = await world().api.search({ query: '  ', limit: 5 });
    expect(hits).toEqual([]);
  });
}
