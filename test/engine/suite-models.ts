/** Models: adding one, giving it work, asking it about one photo, and letting it go, with nothing lost on the way. */
import { existsSync } from 'node:fs';
import { cp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Api, ModelInfo } from '../../src/shared/contract.ts';
import { checkout, finished, look, photoNamed } from './helpers.ts';
import type { World } from './suite.ts';

const tiny = path.join(checkout, 'test/parity/tiny');

export function choosing(world: () => World): void {
  const known = async (id: string): Promise<ModelInfo> => {
    const found = (await world().api.models({})).find((model) => model.id === id);
    if (!found) throw new Error(`No model ${id}.`);
    return found;
  };
  const searchesWith = async (): Promise<string | undefined> =>
    (await world().api.status({})).models.search?.id;

  it('tells what each model can do, what it does now, and under which licence', async () => {
    const { api } = world();
    expect(await api.models({ verify: true })).toMatchObject([
      {
        id: 'iris-starter',
        state: 'ready',
        origin: 'shipped',
        roles: ['search', 'caption', 'chat'],
        can: ['search', 'caption', 'ask', 'chat'],
        waiting: null,
      },
    ]);
    expect((await api.licence({ id: 'iris-starter' })).text).toContain('research');
    await expect(api.licence({ id: 'nobody' })).rejects.toMatchObject({ code: 'model' });
  });

  it('adds a model from a folder once, as a job, and leaves the folder alone', async () => {
    const { api, library, outside } = world();
    const folder = path.join(outside, 'a model');
    await cp(tiny, folder, { recursive: true });
    const added = await api.addModel({ folder });
    expect(added).toMatchObject({ id: 'tiny', origin: 'added', state: 'ready', roles: [], memoryMb: 1 });
    const [job] = (await api.jobs({})).filter(({ kind }) => kind === 'model');
    expect(job).toMatchObject({ state: 'done', done: added.bytes, total: added.bytes });
    expect(await readdir(path.join(library, 'models'))).toEqual(['tiny']);
    expect((await readdir(folder)).sort()).toEqual((await readdir(tiny)).sort());
    await rm(folder, { recursive: true });
    await expect(api.addModel({ folder: tiny })).rejects.toMatchObject({ code: 'exists' });
    await expect(api.addModel({ folder: outside })).rejects.toThrow(/no model\.json in .*outside/);
  });

  it('asks one photo of another model, and the answer says which', async () => {
    const { api } = world();
    const { id, caption } = await photoNamed(api, 'sample-05.jpg');
    const other = await api.caption({ photo: { id }, prompt: 'a', model: 'tiny' });
    expect(other.model).toMatch(/^tiny@/);
    const said = (await api.photo({ id })).captions.filter(({ model }) => model === other.model);
    expect(said).toMatchObject([{ prompt: 'a', text: other.caption }]);
    expect((await photoNamed(api, 'sample-05.jpg')).caption).toBe(caption);
    const answer = await api.ask({ photo: { id }, question: 'a', model: 'tiny' });
    expect(answer.model).toBe(other.model);
    expect((await api.ask({ photo: { id }, question: 'what is this?' })).model).toMatch(/^iris-starter@/);
  });

  it('refuses a model that is not there by name', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-05.jpg');
    const refused = [
      api.caption({ photo: { id }, model: 'nobody' }),
      api.ask({ photo: { id }, question: 'what?', model: 'nobody' }),
      api.useModel({ role: 'chat', id: 'nobody' }),
      api.removeModel({ id: 'nobody' }),
    ];
    for (const call of refused) {
      await expect(call).rejects.toMatchObject({ code: 'model' });
      await expect(call).rejects.toThrow(/"nobody".*iris-starter, tiny/);
    }
    await expect(api.removeModel({ id: 'iris-starter' })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('lets another model talk, which says so in the conversation', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-06.jpg');
    await api.clearChat({ id });
    expect(await api.useModel({ role: 'chat', id: 'tiny' })).toBeNull();
    expect((await known('tiny')).roles).toEqual(['chat']);
    expect((await known('iris-starter')).roles).toEqual(['search', 'caption']);
    await say(api, id, 'a');
    expect((await api.photo({ id })).chat.at(-1)?.model).toMatch(/^tiny@/);
    await say(api, id, 'a', 'iris-starter');
    expect((await api.photo({ id })).chat.at(-1)?.model).toMatch(/^iris-starter@/);
    await api.clearChat({ id });
    await expect(api.removeModel({ id: 'tiny' })).rejects.toMatchObject({ code: 'busy' });
    await api.useModel({ role: 'chat', id: 'iris-starter' });
  });

  it('searches with the new model when it has seen every photo, and with the old one again at once', async () => {
    const { api, library, report } = world();
    const before = await api.search({ query: 'a cat', limit: 5 });
    const seen = (model: string): number =>
      look(library, (db) =>
        db.all('SELECT 1 FROM cache.embedding WHERE model LIKE ? AND photo_id IS NOT NULL', `${model}@%`),
      ).length;
    const all = seen('iris-starter');
    const job = await api.useModel({ role: 'search', id: 'tiny' });
    expect(job?.kind).toBe('index');
    await api.pause({ job: job?.id ?? 0 }); // what it has begun it ends, but nothing takes over
    expect(await searchesWith()).toBe('iris-starter');
    expect((await known('tiny')).waiting).not.toBeNull();
    expect((await api.search({ query: 'a cat', limit: 5 })).hits).toEqual(before.hits);
    await api.resume({ job: job?.id ?? 0 });
    await finished(api, job?.id ?? 0);
    expect(await searchesWith()).toBe('tiny');
    expect(await known('tiny')).toMatchObject({ roles: ['search'], waiting: null });
    expect(seen('tiny')).toBe(all);
    const { hits, searchable, waiting } = await api.search({ query: 'a cat', limit: 5 });
    expect({ searchable, waiting }).toEqual({ searchable: before.searchable, waiting: 0 });
    expect(hits.map((hit) => hit.score)).not.toEqual(before.hits.map((hit) => hit.score));
    expect(report.failed).toHaveLength(1);

    expect(await api.useModel({ role: 'search', id: 'iris-starter' })).toBeNull();
    expect((await api.search({ query: 'a cat', limit: 5 })).hits).toEqual(before.hits);
    expect(await api.useModel({ role: 'search', id: 'tiny' })).toBeNull();
    expect(await searchesWith()).toBe('tiny');
    await api.useModel({ role: 'search', id: 'iris-starter' });
    expect(seen('iris-starter')).toBe(all);
  });

  it('writes no caption anew because another model writes them now', async () => {
    const { api, library } = world();
    const captions = (): number =>
      look(library, (db) => db.all('SELECT 1 FROM cache.caption WHERE prompt = ?', '')).length;
    const before = captions();
    await api.useModel({ role: 'caption', id: 'tiny' });
    await finished(api, (await api.index({})).id);
    expect(captions()).toBe(before);
    const { id } = await photoNamed(api, 'sample-07.jpg');
    expect((await api.caption({ photo: { id } })).model).toMatch(/^tiny@/);
    await api.caption({ photo: { id }, model: 'iris-starter' }); // the last one is shown
    await api.useModel({ role: 'caption', id: 'iris-starter' });
  });

  it('lets go of a model that does nothing, with its files and what it has seen', async () => {
    const { api, library } = world();
    await api.removeModel({ id: 'tiny' });
    expect((await api.models({})).map(({ id }) => id)).toEqual(['iris-starter']);
    expect(existsSync(path.join(library, 'models', 'tiny'))).toBe(false);
    const left = look(library, (db) =>
      db.all("SELECT 1 FROM cache.embedding WHERE model LIKE 'tiny@%' LIMIT 1"),
    );
    expect(left).toEqual([]);
  });
}

async function say(api: Api, id: number, text: string, model?: string): Promise<void> {
  for await (const event of api.chat({ photo: { id }, text, ...(model !== undefined && { model }) }))
    expect(event).toBeDefined();
}
