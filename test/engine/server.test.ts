/** A model behind a server in the engine: nothing is sent unasked, and a caption alone leaves a language model blind. */
import { existsSync } from 'node:fs';
import { cp, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEngine } from '../../src/main/engine.ts';
import type { Args, ChatEvent } from '../../src/shared/contract.ts';
import { chatServer, says, type Asked, type ChatServer } from '../unit/chat-server.ts';
import { checkout, indexed, photoNamed, samples, scratch } from './helpers.ts';

const folder = scratch();
const library = path.join(folder, 'library');
const engine = await createEngine({ library, access: 'write' });
let server: ChatServer;
let id: string;

const textOf = ({ messages }: Asked): string => messages.map(({ content }) => JSON.stringify(content)).join();

beforeAll(async () => {
  server = await chatServer((response, asked) => says(response, ['I read ', String(textOf(asked).length)]));
  ({ id } = await engine.connectModel({ address: server.address, model: 'llava:7b' }));
});
afterAll(async () => {
  await engine.close();
  await server.close();
});

it('is listed with the address that photos go to, and serves nothing by itself', async () => {
  const found = (await engine.models({ verify: true })).find((model) => model.id === id);
  expect(found).toMatchObject({
    state: 'ready',
    roles: [],
    sends: server.address,
    can: ['caption', 'ask', 'chat', 'language'],
  });
  expect(server.asked).toEqual([]);
});

it('does not stand in for a model that is gone', async () => {
  const alone = await createEngine({
    library: path.join(folder, 'alone'),
    access: 'write',
    modelsDir: folder,
  });
  await alone.connectModel({ address: server.address, model: 'llava:7b' });
  const photo = { path: path.join(samples, 'sample-10.jpg') };
  await expect(alone.ask({ photo, question: 'What is it?' })).rejects.toMatchObject({ code: 'model' });
  expect((await alone.status({})).models).toEqual({ search: null, caption: null, chat: null });
  expect(server.asked).toEqual([]);
  await alone.close();
});

it.each([
  ['http://192.168.1.9:8080/v1', /192\.168\.1\.9:8080 is not this computer/],
  ['http://localhost.example.com/v1', /is not this computer/],
  ['http://127.0.0.1.example.com/v1', /is not this computer/],
  ['file:///etc/passwd', /no server's address/],
  ['http://me:secret@127.0.0.1/v1', /no server's address/],
  ['127.0.0.1:11434', /no server's address/],
])('refuses %s', async (address, message) => {
  const connect = engine.connectModel({ address, model: 'm' });
  await expect(connect).rejects.toMatchObject({ code: 'bad-request' });
  await expect(connect).rejects.toThrow(message);
});

it('takes another computer where a person agrees, and says where photos go', async () => {
  const address = 'http://192.168.1.9:8080/v1';
  const far = await engine.connectModel({ address, model: 'm', remote: true, key: 'sk-0123-secret' });
  expect(far.sends).toBe(address);
  const doctor = await engine.doctor({});
  expect(doctor.connections).toContain('only to');
  expect(JSON.stringify(doctor)).not.toContain('sk-0123');
  await engine.removeModel({ id: far.id });
});

it('keeps a key for its owner alone, tells it to the server only, and forgets it with the model', async () => {
  const key = 'sk-0123-secret';
  const { id: locked } = await engine.connectModel({ address: server.address, model: 'locked', key });
  const file = path.join(library, 'models', locked, 'key');
  expect(await readFile(file, 'utf8')).toBe(`${key}\n`);
  if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
  const photo = { path: path.join(samples, 'sample-10.jpg') };
  const answer = await engine.ask({ photo, question: 'Where?', model: locked });
  expect(server.headers.at(-1)?.authorization).toBe(`Bearer ${key}`);
  await engine.ask({ photo, question: 'Where?', model: id });
  expect(server.headers.at(-1)?.authorization).toBeUndefined();
  const told = [answer, await engine.models({ verify: true }), await engine.jobs({})];
  expect(JSON.stringify(told)).not.toContain(key);
  // Connected again without one, it has none; and both at once are refused.
  await engine.connectModel({ address: server.address, model: 'locked' });
  expect(existsSync(file)).toBe(false);
  const both = engine.connectModel({ address: server.address, model: 'locked', key, keyVariable: 'KEY' });
  await expect(both).rejects.toMatchObject({ code: 'bad-request' });
  await engine.connectModel({ address: server.address, model: 'locked', key });
  await engine.removeModel({ id: locked });
  expect(existsSync(path.dirname(file))).toBe(false);
});

it('has a photo described once for a talk, or not at all where that model has described it before', async () => {
  const { id: eyes } = await engine.connectModel({ address: server.address, model: 'eyes' });
  const looked = (): number => server.asked.filter(({ model }) => model === 'eyes').length;
  const pair = `${eyes}+${id}`;
  const talked = path.join(folder, 'talked');
  const file = path.join(talked, 'talked-about.jpg');
  await cp(path.join(samples, 'sample-05.jpg'), file);
  const ask = (question: string): Promise<unknown> =>
    engine.ask({ photo: { path: file }, question, model: pair });
  await ask('What is it?');
  await ask('And where?');
  expect(looked()).toBe(1);
  await utimes(file, 1, 1); // another picture, as far as one can tell
  await ask('And now?');
  expect(looked()).toBe(2);

  await indexed(engine, { folders: [talked], captions: false });
  const photo = { id: (await photoNamed(engine, 'talked-about.jpg')).id };
  const { caption } = await engine.caption({ photo, model: eyes });
  expect(looked()).toBe(3);
  await engine.ask({ photo, question: 'What is it?', model: pair });
  expect(looked()).toBe(3);
  expect(textOf(server.asked.at(-1) ?? ({ messages: [] } as unknown as Asked))).toContain(caption);
  expect((await engine.photo(photo)).captions).toHaveLength(1);
});

it('answers about a photo when it is asked, with what was sent in sight', async () => {
  const photo = { path: path.join(samples, 'sample-10.jpg') };
  const events = [];
  for await (const event of engine.chat({ photo, text: 'Where is it?', model: id })) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(['delta', 'delta', 'done']);
  const done = events.at(-1);
  expect(done).toMatchObject({ message: { sent: 'user: [photo] Where is it?' } });
  expect(textOf(server.asked.at(-1) ?? ({ messages: [] } as unknown as Asked))).toContain('image/jpeg');
});

it('sees nothing behind a caption: pictures that are captioned alike are alike to it, and not to a model that looks', async () => {
  const original = await sharp(path.join(samples, 'sample-14.jpg')).resize(600).png().toBuffer();
  const question = 'what color is the car?';
  const found = [];
  for (const hue of [0, 60, 120, 200]) {
    const file = path.join(folder, `hue-${hue}.png`);
    await writeFile(file, await sharp(original).modulate({ hue }).png().toBuffer());
    const photo = { path: file };
    const { caption } = await engine.caption({ photo });
    const seeing = await engine.ask({ photo, question });
    const blind = await engine.ask({ photo, question, model: `iris-starter+${id}` });
    expect(blind.model).toMatch(/^iris-starter@.*\+server-/);
    const asked = server.asked.at(-1)?.messages;
    expect(asked).toEqual([{ role: 'user', content: `A photo is described as: "${caption}".\n${question}` }]);
    found.push({ caption, seeing: seeing.answer, blind: blind.answer });
  }
  const alike = Object.values(Object.groupBy(found, ({ caption }) => caption)).filter(
    (same) => same !== undefined,
  );
  for (const same of alike) expect(new Set(same.map(({ blind }) => blind)).size).toBe(1);
  expect(alike.some((same) => new Set(same.map(({ seeing }) => seeing)).size > 1)).toBe(true);
});

it('is blind with a language model on this machine too', async () => {
  const made = path.join(folder, 'words');
  await cp(path.join(checkout, 'test/parity/tiny'), made, { recursive: true });
  const file = path.join(made, 'model.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Record<string, object>;
  // The tiny model's decoder without its picture: a language model.
  const generate = { ...manifest['generate'], vision: undefined, imageTokens: 0, tasks: ['language'] };
  Object.assign(manifest, { id: 'words', generate });
  await writeFile(file, JSON.stringify(manifest));
  expect(await engine.addModel({ folder: made })).toMatchObject({ can: ['search', 'language'], sends: null });
  const photo = { path: path.join(samples, 'sample-05.jpg') };
  const { caption } = await engine.caption({ photo });
  const say = async (how: Omit<Args<'chat'>, 'photo'>): Promise<ChatEvent | undefined> => {
    const events = [];
    for await (const event of engine.chat({ photo, model: 'iris-starter+words', ...how })) events.push(event);
    return events.at(-1);
  };
  // Asked alone, it says what it read, and nothing is kept that could be asked again.
  expect(await say({ text: 'a man?', alone: true })).toMatchObject({ type: 'done', message: { caption } });
  await expect(say({ again: true })).rejects.toThrow(/no question to ask/);
  const done = await say({ text: 'a man?' });
  expect(done?.type === 'done' ? done.message.sent : '').toContain(`A photo is described as: "${caption}".`);
  await expect(engine.ask({ photo, question: 'a', model: 'words' })).rejects.toThrow(
    /cannot answer questions/,
  );
});

it('cannot be added as a folder that somebody made, nor caption from a caption', async () => {
  const made = path.join(library, 'models', id);
  await expect(engine.addModel({ folder: made })).rejects.toThrow(/Connect it by its address/);
  const photo = { path: path.join(samples, 'sample-10.jpg') };
  await expect(engine.ask({ photo, question: 'a', model: `${id}+iris-starter` })).rejects.toThrow(
    /cannot answer from words alone/,
  );
});
