/** The endpoint family against a real server on this machine: what it sends, and what it makes of any answer. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { keyFile, openEndpoint, type EndpointManifest } from '../../src/main/inference/families/endpoint.ts';
import type { Manifest, Prompt } from '../../src/main/inference/model.ts';
import { toTensor } from '../../src/main/inference/preprocess.ts';
import { chatServer, says, word, type ChatServer } from './chat-server.ts';

const preprocess: Manifest['preprocess'] = {
  version: 1,
  width: 64,
  height: 64,
  fit: 'contain',
  resample: 'lanczos',
  mean: [128, 128, 128],
  std: [1, 1, 1],
};

let server: ChatServer | undefined;
afterEach(() => server?.close());

async function open(
  reply: Parameters<typeof chatServer>[0],
  change: Partial<EndpointManifest> = {},
  dir = tmpdir(),
): Promise<ReturnType<typeof openEndpoint>> {
  server = await chatServer(reply);
  const facts: EndpointManifest = {
    family: 'endpoint',
    address: server.address,
    model: 'llava',
    captionPrompt: 'Describe this photo.',
    maxNewTokens: 50,
    firstWordMs: 5000,
    nextWordMs: 5000,
    ...change,
  };
  return openEndpoint({ preprocess } as Manifest, facts, dir);
}

/** A red picture, twice as wide as high, with the bars that make it fit. */
function redPhoto(): Float32Array {
  const bytes = Buffer.alloc(64 * 64 * 3, 128);
  for (let at = 64 * 16; at < 64 * 48; at++) bytes.set([220, 30, 20], at * 3);
  return toTensor([bytes], preprocess);
}

const question: Prompt = { question: 'What is it?' };
const quick = new Float32Array();

describe('what is sent', () => {
  it('is the photo without its bars, the question, and the turns before it in order', async () => {
    const model = await open((response) => says(response, ['red']));
    const history = [{ question: 'Who?', answer: 'A <b>man</b>' }];
    const { sent } = await model.generate(redPhoto(), { ...question, history });
    const [asked] = server?.asked ?? [];
    expect(asked).toMatchObject({ model: 'llava', stream: true, max_tokens: 50, temperature: 0 });
    expect(asked?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(asked?.messages.slice(1).map(({ content }) => content)).toEqual(['A <b>man</b>', 'What is it?']);
    expect(sent).toBe('user: [photo] Who?\nassistant: A <b>man</b>\nuser: What is it?');
    const [image, text] = asked?.messages[0]?.content ?? [];
    expect(text).toEqual({ type: 'text', text: 'Who?' });
    const url = typeof image === 'object' && 'image_url' in image ? image.image_url.url : '';
    const jpeg = sharp(Buffer.from(url.replace('data:image/jpeg;base64,', ''), 'base64'));
    const { width, height, format, exif } = await jpeg.metadata();
    expect([width, height, format, exif]).toEqual([64, 32, 'jpeg', undefined]);
    const { channels } = await jpeg.stats();
    expect(channels.map(({ mean }) => Math.round(mean / 10) * 10)).toEqual([220, 30, 20]);
  });

  it('holds no picture where there is none to look at', async () => {
    const model = await open((response) => says(response, ['a dog']));
    const { sent } = await model.generate(quick, { caption: 'a photo of ' });
    expect(server?.asked[0]?.messages).toEqual([
      { role: 'user', content: 'Describe this photo. Begin with these words: a photo of' },
    ]);
    expect(sent).not.toContain('[photo]');
  });
});

describe('an answer', () => {
  it('streams as it comes, whatever its script, cut anywhere', async () => {
    const words = ['A ', '狗', ' 👩‍👩‍👧', ' runs.'];
    const model = await open((response) => {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      const bytes = Buffer.from(words.map(word).join('') + 'data: [DONE]\n\n');
      const send = (at: number): unknown =>
        at < bytes.length ? response.write(bytes.subarray(at, at + 7), () => send(at + 7)) : response.end();
      send(0);
    });
    const heard: string[] = [];
    const { text } = await model.generate(quick, question, { onText: (piece) => heard.push(piece) });
    expect(heard.filter((piece) => piece !== '')).toEqual(words);
    expect(text).toBe(words.join(''));
  });

  it('is taken whole from a server that does not stream, and from several in a row', async () => {
    const model = await open((response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'a cat\n' } }] })),
    );
    const captions = await model.generateBatch([quick, quick], {});
    expect(captions.map(({ text }) => text)).toEqual(['a cat', 'a cat']);
  });

  it('ends at once when it is stopped, and the server is told by the closed connection', async () => {
    const model = await open((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(word('one '));
    });
    const abort = new AbortController();
    const run = model.generate(quick, question, { signal: abort.signal, onText: () => abort.abort() });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    await expect.poll(() => server?.cut()).toBe(1);
  });
});

describe('the key', () => {
  const secret = 'sk-very-secret-1';

  it.each(['file', 'variable'])('goes to the one server, from a %s', async (place) => {
    const dir = await mkdtemp(join(tmpdir(), 'iris-key-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    if (place === 'file') await writeFile(join(dir, keyFile), `${secret}\n`);
    else vi.stubEnv('IRIS_TEST_KEY', secret);
    onTestFinished(() => void vi.unstubAllEnvs());
    const facts = place === 'variable' ? { keyVariable: 'IRIS_TEST_KEY' } : {};
    const model = await open((response) => says(response, ['a dog']), facts, dir);
    const { sent } = await model.generate(quick, question);
    expect(server?.headers.map(({ authorization }) => authorization)).toEqual([`Bearer ${secret}`]);
    expect(JSON.stringify([sent, server?.asked])).not.toContain(secret);

    const other = await chatServer((response) => says(response, ['stolen']));
    onTestFinished(() => other.close());
    await server?.close();
    const led = await open(
      (response) => response.writeHead(307, { location: `${other.address}/chat/completions` }).end(),
      facts,
      dir,
    );
    await expect(led.generate(quick, question)).rejects.toThrow(/cannot be reached/);
    expect([server?.headers.length, other.headers]).toEqual([1, []]);
  });

  it('is not in the words about a refusal, where the server repeats it', async () => {
    vi.stubEnv('IRIS_TEST_KEY', secret);
    onTestFinished(() => void vi.unstubAllEnvs());
    const refuse: Parameters<typeof chatServer>[0] = (response) =>
      response.writeHead(401).end(JSON.stringify({ error: `no such key: ${secret}` }));
    const model = await open(refuse, { keyVariable: 'IRIS_TEST_KEY' });
    const failure = model.generate(quick, question);
    await expect(failure).rejects.toThrow(/401: no such key: \[key\]\. It asks for a key/);
    await expect(failure).rejects.not.toThrow(secret);
  });

  it('is asked for by its name where the variable has none, before anything is sent', async () => {
    const model = await open((response) => says(response, ['a']), { keyVariable: 'IRIS_NO_SUCH_KEY' });
    await expect(model.generate(quick, question)).rejects.toThrow(/IRIS_NO_SUCH_KEY holds no key/);
    expect(server?.asked).toEqual([]);
  });

  it('is not there by default', async () => {
    const model = await open((response) => says(response, ['a dog']));
    await model.generate(quick, question);
    expect(server?.headers[0]).not.toHaveProperty('authorization');
  });
});

describe('a bad answer is a clear error', () => {
  type Reply = Parameters<typeof chatServer>[0];
  const stream = (text: string): Reply => {
    return (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
  };
  const status = (code: number, body: string, headers = {}): Reply => {
    return (response) => response.writeHead(code, headers).end(body);
  };
  it.each<[string, RegExp, Reply]>([
    [
      'an unknown model',
      /404: model not found\. .*"llava"/,
      status(404, '{"error":{"message":"model not found"}}'),
    ],
    ['a busy server', /429: slow down/, status(429, '{"error":"slow down"}')],
    ['a page', /500: <h1>Oops/, status(500, '<h1>Oops</h1>')],
    ['another address', /cannot be reached/, status(302, '', { location: 'http://127.0.0.1:1/' })],
    ['no JSON', /"<script>.*no chat completion/, stream('data: <script>alert(1)</script>\n\n')],
    ['other JSON', /no chat completion/, stream('data: {"choices":"none"}\n\n')],
    [
      'an error in the middle',
      /out of memory/,
      stream(`${word('a')}data: {"error":{"message":"out of memory"}}\n\n`),
    ],
    ['nothing', /empty/, stream('data: [DONE]\n\n')],
    ['a line without end', /does not end/, stream(`data: ${'x'.repeat(3_000_000)}`)],
    ['words without end', /does not end/, stream(word('x'.repeat(20_000)).repeat(6))],
    [
      'a cut connection',
      /cannot be reached/,
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(word('a'), () => response.destroy());
      },
    ],
  ])('%s', async (_, message, reply) => {
    const model = await open(reply);
    const run = model.generate(quick, question);
    await expect(run).rejects.toMatchObject({ code: 'model' });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(server?.address);
  });

  it('silence, before the first word and after it', async () => {
    const silent = await open(() => undefined, { firstWordMs: 200 });
    await expect(silent.generate(quick, question)).rejects.toThrow(/said nothing for 0\.2 seconds/);
    await server?.close();
    const halting = await open(
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(word('well '));
      },
      { nextWordMs: 300 },
    );
    await expect(halting.generate(quick, question)).rejects.toThrow(/said nothing for 0\.3 seconds/);
  });

  it('nobody there', async () => {
    const model = await open((response) => says(response, ['a']));
    await server?.close();
    await expect(model.generate(quick, question)).rejects.toThrow(/cannot be reached .*Start it/);
  });
});
