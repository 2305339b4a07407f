/** Searching: by what a photo shows, by words of captions, names and chats, and by nothing at all. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import type { SearchAnswer } from '../../src/shared/contract.ts';
import { fixture, photoNamed, samples } from './helpers.ts';
import { readManifest } from '../../src/main/inference/manifest.ts';
import { starterDir } from '../unit/inference-helpers.ts';
import { photoCount, type World } from './suite.ts';

const starter = await readManifest(starterDir);

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

  it('reads a query in Chinese word by word, and says so', async () => {
    const { api } = world();
    const { hits, gloss, query } = await api.search({ query: '水上的船', limit: 3 });
    expect({ gloss, query }).toEqual({ gloss: 'on water boat', query: '水上的船' });
    const english = await api.search({ query: 'on water boat', limit: 3 });
    expect(english.gloss).toBeUndefined();
    expect(hits.map(({ photo }) => photo.id)).toEqual(english.hits.map(({ photo }) => photo.id));
    expect(hits[0]?.photo.name).toBe('sample-14.jpg');
  });

  it('reads a question in Chinese word by word for a model that reads English, and says so', async () => {
    const { api, photos } = world();
    const photo = { path: path.join(photos, 'sample-02.png') };
    const asked = await api.ask({ photo, question: '这是什么动物？' });
    const english = await api.ask({ photo, question: 'what animal is this?' });
    expect(asked).toMatchObject({ question: '这是什么动物？', gloss: 'what animal is this?' });
    expect(asked.answer).toBe(english.answer);
    expect(english.gloss).toBeUndefined();
  });

  it('looks at the best again, and orders them by likeness and match together', async () => {
    const { api } = world();
    const { hits } = await api.search({ query: '水上的船', limit: 4, rerank: true });
    const english = await api.search({ query: 'on water boat', limit: 4, rerank: true });
    expect(hits.map(({ photo }) => photo.id)).toEqual(english.hits.map(({ photo }) => photo.id));
    const blend = starter.embed?.blend ?? NaN;
    for (const { score, why } of hits) {
      const of = (kind: string): number => Number(why.find((one) => one.kind === kind)?.detail);
      // Shown to three places: below half of the last, all that is known is how little it is at most.
      const match = Math.max(of('match'), 0.0005);
      const over = score - (2 + of('looks') + blend * Math.log(match));
      expect(over).toBeLessThan(0.002 + (blend * 0.001) / match);
      if (of('match') > 0) expect(over).toBeGreaterThan(-0.002 - (blend * 0.001) / match);
    }
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
    expect(hits[0]?.photo.name).toBe('sample-14.jpg');
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

  it('searches only what the filter lets through, by looks and by words', async () => {
    const { api } = world();
    const all = await api.search({ query: 'cat', limit: 1000 });
    const chosen = await api.search({ query: 'cat', filter: { folder: 'camera' }, limit: 1000 });
    expect(names(chosen)).toEqual(['gps.jpg', 'grandmaHouse_1936.png', 'no-offset.jpg', 'zero-date.jpg']);
    const order = chosen.hits.map((hit) => hit.photo.id);
    expect(all.hits.map((hit) => hit.photo.id).filter((id) => order.includes(id))).toEqual(order);
    const words = await api.search({ query: 'orientation', filter: { folder: 'camera' }, limit: 1000 });
    expect(words.hits.flatMap((hit) => hit.why).some((why) => why.kind === 'name')).toBe(false);
    expect((await api.search({ query: 'cat', filter: { folder: 'nowhere' } })).hits).toEqual([]);
    expect((await api.search({ query: 'cat', filter: {}, limit: 1000 })).hits).toEqual(all.hits);
  });

  it('finds words in quotes only where they stand like this', async () => {
    const { api } = world();
    expect(names(await api.search({ query: '"grandma house"' }))).toEqual(['grandmaHouse_1936.png']);
    expect(names(await api.search({ query: '"house grandma"' }))).toEqual([]);
    const both = await api.search({ query: 'a cat "orientation 3"' });
    expect(names(both)).toEqual(['orientation-3.jpg']);
  });

  it('leaves out photos whose words match what is not wanted, and those that show it come later', async () => {
    const { api } = world();
    const plain = await api.search({ query: 'animal', limit: 1000 });
    const without = await api.search({ query: 'animal -turned', limit: 1000 });
    expect(without.hits).toHaveLength(plain.hits.length - 8);
    expect(without.hits.some((hit) => hit.path.includes('turned'))).toBe(false);
    const rank = ({ hits }: SearchAnswer): number =>
      hits.findIndex((hit) => ['sample-02.png', 'the cat again.png'].includes(hit.photo.name));
    const noCat = await api.search({ query: 'eyes -kitten', limit: 1000 });
    const eyes = await api.search({ query: 'eyes', limit: 1000 });
    expect(rank(noCat)).toBeGreaterThan(rank(eyes) + 3);
    expect((await api.search({ query: '-kitten', limit: 1000 })).hits.some((hit) => hit.likely)).toBe(false);
  });

  it('finds photos that look like one, without itself, within a filter', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'orientation-3.jpg');
    const { hits, query } = await api.similar({ to: { id }, limit: 1000 });
    expect(query).toBe('');
    expect(hits).toHaveLength(photoCount - 1);
    expect(hits.map((hit) => hit.photo.id)).not.toContain(id);
    // Seven more turnings of the same picture, and three photos of the camera folder that show it too.
    const same = /^(?:orientation-\d|gps|no-offset|zero-date)\.jpg$/;
    expect(hits.slice(0, 10).filter(({ photo, likely }) => likely && same.test(photo.name))).toHaveLength(10);
    expect(hits.filter(({ photo, likely }) => likely && photo.name.startsWith('sample'))).toEqual([]);
    expect(hits[0]?.why).toEqual([{ kind: 'looks', detail: hits[0]?.score.toFixed(3) }]);
    const within = await api.similar({ to: { id }, filter: { folder: 'camera' } });
    expect(names(within)).toEqual(['gps.jpg', 'grandmaHouse_1936.png', 'no-offset.jpg', 'zero-date.jpg']);
    await expect(api.similar({ to: { id: 99_999 } })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('finds the photo that a picture from elsewhere shows', async () => {
    const { api } = world();
    const small = await sharp(path.join(samples, 'sample-03.jpg')).autoOrient().resize(400).webp().toBuffer();
    const { hits } = await api.similar({ to: { image: small.toString('base64') }, limit: 3 });
    expect(hits[0]?.photo.name).toBe('sample-03.jpg');
    expect(hits[0]?.likely).toBe(true);
  });

  it.each([
    ['text', 'no image format', Buffer.from('not a picture')],
    [
      'an SVG',
      'no image format',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    ['a bomb', 'exceeds pixel limit', fixture('bomb.png')],
    ['half a photo', 'Not decodable as jpeg', fixture('truncated.jpg')],
  ])('says why %s cannot be compared', async (_, message, content) => {
    const image = typeof content === 'string' ? await readFile(content) : content;
    await expect(world().api.similar({ to: { image: image.toString('base64') } })).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining(message) as string,
    });
  });

  it('shows a photo upright and large, without what the camera wrote into it', async () => {
    const { api, engine, photos } = world();
    const { id, width, height } = await photoNamed(api, 'orientation-6.jpg');
    const jpeg = await engine.picture(id);
    const facts = await sharp(jpeg).metadata();
    expect(facts).toMatchObject({ format: 'jpeg', width, height, space: 'srgb' });
    expect([facts.orientation, facts.exif]).toEqual([undefined, undefined]);
    expect(await engine.picture(id)).toEqual(jpeg);
    expect(await engine.picture(99_999)).toBeUndefined();
    const { id: placed } = await photoNamed(api, 'gps.jpg');
    const original = await readFile(path.join(photos, 'camera/gps.jpg'));
    expect(Buffer.from((await engine.picture(placed)) ?? []).equals(original)).toBe(false);
  });

  it('lists folders of the home folder only', async () => {
    const { api, photos } = world();
    expect((await api.listFolder({})).parent).toBeNull();
    await expect(api.listFolder({ path: path.dirname(photos) })).rejects.toMatchObject({
      code: 'bad-request',
    });
  });
}

function names({ hits }: SearchAnswer): string[] {
  return hits.map((hit) => hit.photo.name).sort();
}
