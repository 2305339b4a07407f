/** A person's photos are only ever read: the tree is the same to the last byte after all that Iris can do. */
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fingerprint } from '../engine/fingerprint.ts';
import { fixture, indexed, photoNamed, place, placeSamples, scratch, withEngine } from '../engine/helpers.ts';

describe('originals', () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');

  it('are the same after indexing, captions, search, talk and an export elsewhere', async () => {
    await placeSamples(photos, ['sample-02.png', 'sample-03.jpg', 'sample-06.jpg']);
    await place(photos, {
      'deep/er/gps.jpg': fixture('gps.jpg'),
      'deep/truncated.jpg': fixture('truncated.jpg'),
      'deep/text.jpg': fixture('text.jpg'),
    });
    await chmod(path.join(photos, 'sample-03.jpg'), 0o400);
    const before = await fingerprint(photos);
    expect(Object.keys(before)).toHaveLength(9);

    await withEngine({ library }, async (engine) => {
      await indexed(engine, { folders: [photos] });
      const photo = { id: (await photoNamed(engine, 'sample-02.png')).id };
      await engine.search({ query: 'cat' });
      await engine.writeCaption({ ...photo, text: 'mine' });
      await engine.caption({ photo, prompt: 'a photo of' });
      await engine.ask({ photo, question: 'what is it?' });
      for await (const event of engine.chat({ photo, text: 'hello' })) expect(event).toBeDefined();
      for (const format of ['csv', 'jsonl', 'txt', 'xmp', 'html'] as const)
        await engine.export({ format, out: path.join(folder, 'out') });
      await indexed(engine, {});
    });
    expect(await fingerprint(photos)).toEqual(before);
  });
});
