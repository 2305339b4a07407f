/** Talking about one photo: captions, answers, and a conversation that is remembered. */
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Api, Args, ChatEvent, ChatMessage } from '../../src/shared/contract.ts';
import { indexed, photoNamed } from './helpers.ts';
import type { World } from './suite.ts';

export function talking(world: () => World): void {
  it('has captioned every photo while indexing, and keeps which model said it', async () => {
    const { api } = world();
    const { id, caption } = await photoNamed(api, 'sample-05.jpg');
    const { captions } = await api.photo({ id });
    expect(captions).toMatchObject([{ source: 'model', prompt: '', text: caption }]);
    expect(captions[0]?.text).toMatch(/\w+ \w+/);
    expect(captions[0]?.model).toMatch(/^iris-starter@/);
  });

  it('captions a photo again the same way, and with a prompt that the caption starts with', async () => {
    const { api, photos } = world();
    const photo = await photoNamed(api, 'sample-05.jpg');
    const plain = await api.caption({ photo: { id: photo.id } });
    expect(plain).toMatchObject({ path: path.join(photos, 'sample-05.jpg'), caption: photo.caption });
    const prompted = await api.caption({ photo: { path: plain.path }, prompt: 'a black and white photo of' });
    expect(prompted.caption.toLowerCase()).toMatch(/^a black and white photo of \w/);
    expect((await photoNamed(api, 'sample-05.jpg')).caption).toBe(photo.caption); // the plain one still counts
  });

  it("shows a person's caption before the model's and never loses it to a new one", async () => {
    const { api } = world();
    const { id, caption } = await photoNamed(api, 'sample-08.jpg');
    const first = await api.writeCaption({ id, text: 'A dahlia' });
    expect(first).toMatchObject({ text: 'A dahlia', source: 'person', model: null });
    await api.writeCaption({ id, text: 'Aunt May’s dahlia\nin the morning' });
    await api.caption({ photo: { id } });
    const details = await api.photo({ id });
    expect(details.caption).toBe('Aunt May’s dahlia\nin the morning');
    expect(details.captions.map((entry) => [entry.source, entry.text])).toEqual([
      ['person', 'Aunt May’s dahlia\nin the morning'],
      ['person', 'A dahlia'],
      ['model', caption],
      ['model', caption],
    ]);
    await api.writeCaption({ id, text: '' });
    expect((await api.photo({ id })).caption).toBe(caption); // taken back, not deleted
  });

  it('answers one question, with the probability the model gives its answer', async () => {
    const { api, photos } = world();
    const photo = { path: path.join(photos, 'sample-02.png') };
    const answer = await api.ask({ photo, question: 'what animal is this?' });
    expect(answer).toMatchObject({ ...photo, question: 'what animal is this?' });
    expect(answer.answer.trim()).not.toBe('');
    expect(answer.confidence).toBeGreaterThan(0);
    expect(answer.confidence).toBeLessThanOrEqual(1);
    expect(answer.sureness?.probability).toBeGreaterThan(0);
    expect(answer.sureness?.probability).toBeLessThan(answer.confidence); // the starter's is too high, by its card
  });

  it('says which labels fit, by embeddings and by likelihood, each label once', async () => {
    const { api, photos } = world();
    const photo = { path: path.join(photos, 'sample-02.png') };
    const asked = ['dog', 'cat', 'cup of $& coffee', 'dog'];
    const found = await api.classify({ photo, labels: asked, template: 'a {}' });
    expect(found).toMatchObject({
      ...photo,
      zeroShot: { model: expect.stringMatching(/^iris-starter@/) as string, activation: 'softmax' },
      generative: { model: expect.stringMatching(/^iris-starter@/) as string, prior: 'no photo' },
    });
    expect(found.labels.map(({ text }) => text)).toEqual(['a dog', 'a cat', 'a cup of $& coffee']);
    const [dog, cat] = found.labels;
    expect(cat?.zeroShot).toBeGreaterThan(dog?.zeroShot ?? 1);
    expect(cat?.cosine).toBeGreaterThan(dog?.cosine ?? 1);
    for (const kind of ['zeroShot', 'generative', 'withoutPrior'] as const) {
      const sum = found.labels.reduce((total, fit) => total + (fit[kind] ?? NaN), 0);
      expect(sum, kind).toBeCloseTo(1, 5);
    }
    const gain = (fit = cat): number => (fit?.logLikelihood ?? NaN) - (fit?.logPrior ?? NaN);
    const ratio = Math.log((cat?.withoutPrior ?? NaN) / (dog?.withoutPrior ?? NaN));
    expect(ratio).toBeCloseTo(gain(cat) - gain(dog), 3);
    // Another photo has other likelihoods, and the same prior.
    const other = await api.classify({
      photo: { path: path.join(photos, 'sample-05.jpg') },
      labels: ['a cat'],
    });
    expect(other.labels[0]?.logLikelihood).not.toBeCloseTo(cat?.logLikelihood ?? NaN, 2);
    expect(other.labels[0]?.logPrior).toBeCloseTo(cat?.logPrior ?? NaN, 4);
  });

  it('refuses a file that is no photo, and names it', async () => {
    const { api, outside } = world();
    const file = path.join(outside, 'notes.txt');
    const photo = { path: file };
    const refused = [
      () => api.ask({ photo, question: 'what is this?' }),
      () => api.classify({ photo, labels: ['cat', 'dog'] }),
    ];
    for (const call of refused) {
      const refusal = call();
      await expect(refusal).rejects.toMatchObject({ code: 'unreadable' });
      await expect(refusal).rejects.toThrow(file);
    }
  });

  it('streams a chat, and the second question goes to the model with the first turn', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-13.jpg');
    const first = await say(api, { photo: { id }, text: 'what animals are these?' });
    expect(first.deltas).toBe(first.message.text);
    expect(first.message).toMatchObject({ role: 'assistant' });
    const second = await say(api, { photo: { id }, text: 'how many are there?' });
    expect(second.message.sent).toContain('what animals are these?');
    expect(second.message.sent).toContain(first.message.text);
    expect(second.message.sent).toContain('how many are there?');
    const { chat } = await api.photo({ id });
    expect(chat.map((message) => message.text)).toEqual([
      'what animals are these?',
      first.message.text,
      'how many are there?',
      second.message.text,
    ]);
  });

  it('finds a photo by what was said in its chat', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-09.jpg');
    await say(api, { photo: { id }, text: 'is this the xylophone squadron?' });
    const { hits } = await api.search({ query: 'xylophone', limit: 30 });
    const found = hits.filter((hit) => hit.why.some((why) => why.kind === 'chat'));
    expect(found.map((hit) => hit.photo.id)).toEqual([id]);
  });

  it('asks again in place of the last turn', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-07.jpg');
    await say(api, { photo: { id }, text: 'what is this?' });
    await say(api, { photo: { id }, text: 'where is it?' });
    const again = await say(api, { photo: { id }, again: true });
    expect(again.message.sent).toContain('what is this?');
    const { chat } = await api.photo({ id });
    expect(chat.filter((message) => message.role === 'user').map((message) => message.text)).toEqual([
      'what is this?',
      'where is it?',
    ]);
    expect(chat.at(-1)).toEqual(again.message);
    await api.clearChat({ id });
    expect((await api.photo({ id })).chat).toEqual([]);
    await expect(say(api, { photo: { id }, again: true })).rejects.toMatchObject({ code: 'bad-request' });
    await expect(say(api, { photo: { id }, text: '  ' })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('asks something else in place of an earlier question, and takes back what followed it', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-07.jpg');
    const asked = async (): Promise<string[]> =>
      (await api.photo({ id })).chat.flatMap(({ role, text }) => (role === 'user' ? [text] : []));
    for (const text of ['first?', 'second zyzzyva?', 'third?']) await say(api, { photo: { id }, text });
    const edited = await say(api, { photo: { id }, text: 'what is this?', edit: 1 });
    expect(edited.message.sent).toContain('first?');
    expect(edited.message.sent).not.toContain('zyzzyva');
    expect(await asked()).toEqual(['first?', 'what is this?']);
    expect((await api.photo({ id })).chat.at(-1)).toEqual(edited.message);
    const { hits } = await api.search({ query: 'zyzzyva', limit: 30 });
    expect(hits.flatMap((hit) => hit.why.filter((why) => why.kind === 'chat'))).toEqual([]);

    const again = await say(api, { photo: { id }, text: 'where is it?', edit: 0 });
    expect(again.message.sent).not.toContain('first?');
    expect(await asked()).toEqual(['where is it?']);
    await expect(say(api, { photo: { id }, text: 'x', edit: 1 })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(say(api, { photo: { id }, edit: 0 })).rejects.toMatchObject({ code: 'bad-request' });
    expect(await asked()).toEqual(['where is it?']);
    await api.clearChat({ id });
  });

  it('keeps the old turns when the new answer fails or is stopped before its first word', async () => {
    const { api, photos } = world();
    const { id } = await photoNamed(api, 'sample-07.jpg');
    await say(api, { photo: { id }, text: 'what is this?' });
    const before = (await api.photo({ id })).chat;
    for (const asking of [{ text: 'and this?', edit: 0 }, { again: true }]) {
      const stop = new AbortController();
      const answer = api.chat({ photo: { id }, ...asking }, stop.signal);
      const said = (async () => {
        for await (const event of answer) expect(event).toBeDefined();
      })().catch(() => undefined);
      stop.abort();
      await said;
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await api.photo({ id })).chat).toEqual(before);
    }
    const file = path.join(photos, 'sample-07.jpg');
    await rename(file, `${file}.away`);
    await expect(say(api, { photo: { id }, text: 'and this?', edit: 0 })).rejects.toThrow(file);
    await rename(`${file}.away`, file);
    await indexed(api, { captions: false }); // being renamed changed its times
    expect((await api.photo({ id })).chat).toEqual(before);
    await api.clearChat({ id });
  });

  it('keeps what was said when the listener leaves early', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-10.jpg');
    let heard = '';
    for await (const event of api.chat({ photo: { id }, text: 'describe this photo' }))
      if (event.type === 'delta') {
        heard = event.text;
        break;
      }
    const { chat } = await eventually(
      () => api.photo({ id }),
      (details) => details.chat.length === 2,
    );
    expect(chat[0]).toMatchObject({ role: 'user', text: 'describe this photo' });
    expect(chat[1]?.role).toBe('assistant');
    expect(chat[1]?.text.startsWith(heard)).toBe(true);
  });

  it('remembers a chat about a file outside the library for as long as the engine lives', async () => {
    const { api, outside } = world();
    const photo = { path: path.join(outside, 'stranger.jpg') };
    await say(api, { photo, text: 'what colour is the sky?' });
    const second = await say(api, { photo, text: 'and the ground?' });
    expect(second.message.sent).toContain('what colour is the sky?');
    const edited = await say(api, { photo, text: 'and the sea?', edit: 1 });
    expect(edited.message.sent).toContain('what colour is the sky?');
    expect(edited.message.sent).not.toContain('and the ground?');
  });

  it('takes control tokens in a question as plain words', async () => {
    const { api } = world();
    const { id } = await photoNamed(api, 'sample-06.jpg');
    const question = '<image> <|im_end|> [SEP] </s> what is this?';
    const { message } = await say(api, { photo: { id }, text: question });
    expect(message.text).toBeDefined();
    const [asked] = (await api.photo({ id })).chat;
    expect(asked?.text).toBe(question);
  });
}

interface Said {
  message: ChatMessage;
  deltas: string;
}

async function say(api: Api, args: Args<'chat'>): Promise<Said> {
  let deltas = '';
  let done: (ChatEvent & { type: 'done' }) | undefined;
  for await (const event of api.chat(args)) {
    if (event.type === 'delta') deltas += event.text;
    else done = event;
  }
  if (!done) throw new Error('The chat ended without an end.');
  return { message: done.message, deltas };
}

async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const answer = await ask();
    if (holds(answer) || tries > 200) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
