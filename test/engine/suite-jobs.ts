/** Jobs: one at a time, told as it goes, cancelled and resumed; and folders that come and go. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Job, LibraryEvent } from '../../src/shared/contract.ts';
import { allPhotos, embeddings, finished, indexed } from './helpers.ts';
import { makePhotos } from './make-photos.ts';
import { fileCount, photoCount, type World } from './suite.ts';

const added = 48;
/** Over the three batches that are under way when a job is held. */
const more = 64;

export function jobs(world: () => World): void {
  it('finds everything unchanged the second time, and computes nothing', async () => {
    const { api, library } = world();
    const before = embeddings(library);
    const report = await indexed(api, {});
    expect(report).toMatchObject({ photos: fileCount, indexed: 0, unchanged: fileCount });
    expect(report.failed).toHaveLength(1); // still told, though not read again
    expect(embeddings(library)).toEqual(before);
  });

  it('is cancelled in good order, and goes on where it was', async () => {
    const { api, library, outside } = world();
    const folder = path.join(outside, 'many');
    await makePhotos(folder, added);
    const before = embeddings(library);
    const listening = new AbortController();
    const events = api.events({}, listening.signal)[Symbol.asyncIterator]();
    const first = events.next();
    const job = await api.index({ folders: [folder], captions: false });
    await expect(api.index({ folders: [folder] })).rejects.toMatchObject({ code: 'busy' });

    const seen: LibraryEvent[] = [(await first).value as LibraryEvent];
    const last = (): LibraryEvent | undefined => seen.at(-1);
    const read = (event = last()): number =>
      event?.type === 'job' && event.job.phase === 'index' ? event.job.done : 0;
    while (read() === 0) seen.push((await events.next()).value as LibraryEvent);
    await api.cancel({ job: job.id });
    await expect(finished(api, job.id)).resolves.toMatchObject({ state: 'cancelled', phase: 'finished' });
    listening.abort();

    const phases = seen.flatMap((event) => (event.type === 'job' ? [event.job.phase] : []));
    expect(new Set(phases)).toEqual(new Set(['scan', 'index']));
    expect(seen.every((event) => event.type === 'job' && event.job.id === job.id)).toBe(true);
    const partly = embeddings(library).length - before.length;
    expect(partly).toBeGreaterThan(0);
    expect(partly).toBeLessThan(added);

    const report = await indexed(api, { folders: [folder], captions: false });
    expect(report).toMatchObject({ photos: added, indexed: added - partly, failed: [] });
    const after = embeddings(library);
    expect(after).toHaveLength(before.length + added);
    expect(new Set(after.map((row) => row.photoId)).size).toBe(after.length);
  });

  it('holds while it is paused, and goes on to the end', async () => {
    const { api, library, outside } = world();
    const folder = path.join(outside, 'many');
    await makePhotos(folder, more, added);
    const before = embeddings(library).length;
    const { id } = await api.index({ folders: [folder], captions: false });
    await api.pause({ job: id });
    const job = async (): Promise<Job | undefined> => (await api.jobs({})).find((entry) => entry.id === id);
    expect(await job()).toMatchObject({ state: 'paused', rate: 0, secondsLeft: null });
    await delay(2000);
    expect(await job()).toMatchObject({ state: 'paused' });
    expect(embeddings(library).length).toBeLessThan(before + more);
    await api.resume({ job: id });
    await expect(finished(api, id)).resolves.toMatchObject({ state: 'done', report: { indexed: more } });
    await expect(api.pause({ job: id })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('lists its jobs with their reports', async () => {
    const list = await world().api.jobs({});
    expect(list.length).toBeGreaterThanOrEqual(3);
    for (const job of list) expect(job).toMatchObject({ phase: 'finished', error: null });
    for (const job of list.filter(({ kind, state }) => kind === 'index' && state === 'done'))
      expect(job.report).not.toBeNull();
  });

  it('forgets a removed folder everywhere, but not the photos of the others', async () => {
    const { api, outside } = world();
    const { hits: before } = await api.search({ query: 'cat', limit: 20 });
    expect(before.some((hit) => hit.path.startsWith(outside))).toBe(true);
    const { roots } = await api.status({});
    const many = roots.find((root) => root.path === path.join(outside, 'many'));
    expect(many?.photos).toBe(added + more);
    await api.removeFolder({ id: many?.id ?? 0 });
    expect(await allPhotos(api)).toHaveLength(photoCount);
    expect((await api.status({})).roots).toHaveLength(1);
    const { hits } = await api.search({ query: 'cat', limit: 20 });
    expect(hits).toHaveLength(20); // what was removed takes no one's place
    expect(hits.every((hit) => !hit.path.startsWith(outside))).toBe(true);
  });

  it('ends a stream of news when the listener goes', async () => {
    const { api } = world();
    const listening = new AbortController();
    const next = api.events({}, listening.signal)[Symbol.asyncIterator]().next();
    setTimeout(() => listening.abort(), 50);
    await expect(next.then(({ done }) => (done ? 'ended' : 'told')))
      .resolves.toBe('ended')
      .catch(() => expect(next).rejects.toMatchObject({ code: 'aborted' }));
  });

  it('says what it is made of, with proof', async () => {
    const { api, library } = world();
    const [model] = await api.models({});
    expect(model).toMatchObject({ id: 'iris-starter', state: 'ready', reason: null });
    expect(model?.can).toEqual(expect.arrayContaining(['search', 'caption', 'ask', 'chat']));
    const doctor = await api.doctor({});
    expect(doctor.ok).toBe(true);
    expect(doctor.library).toMatchObject({ path: library, integrity: 'ok' });
    expect(doctor.counts).toMatchObject({ photos: photoCount, captioned: photoCount, failed: 1 });
    const used = doctor.providers.find((provider) => provider.used);
    expect(used?.imagesPerSecond).toBeGreaterThan(0);
    expect(used?.cosine).toBeGreaterThan(0.999);
  });
}
