/** The command line for programs: the JSON of every command, alone on standard output, and the exit codes. */
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Classification } from '../../src/shared/contract.ts';
import { publicForm } from '../parity/public-form.ts';
import { iris, jsonLines, type Ran } from './cli.ts';
import { fixture, place, placeSamples, scratch, withEngine, withoutModel } from './helpers.ts';

const names = ['sample-02.png', 'sample-03.jpg', 'sample-05.jpg', 'sample-14.jpg'];
const raw = Buffer.from('caf\xe9.jpg', 'latin1');

describe('iris', { timeout: 240_000 }, () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');
  const at = (name: string): string => path.join(photos, name);
  const run = (args: string[], stdin?: string): Promise<Ran> =>
    iris(['--library', library, '--json', ...args], stdin === undefined ? {} : { stdin });
  let first: Ran;

  beforeAll(async () => {
    await placeSamples(photos, names);
    await place(photos, { 'notes.jpg': fixture('text.jpg'), 'cut.jpg': fixture('truncated.jpg') });
    await writeFile(Buffer.concat([Buffer.from(`${photos}/`), raw]), await readFile(fixture('gps.jpg')));
    first = await run(['index', photos]);
  }, 300_000);

  it('index: tells exactly what became of every file, and fails if a photo could not be read', () => {
    expect(first.code).toBe(1);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(1);
    const [report] = jsonLines(first);
    expect(report).toEqual({
      photos: 5,
      indexed: 5,
      unchanged: 0,
      skipped: [{ path: at('notes.jpg'), reason: expect.any(String) as string }],
      failed: [{ path: at('cut.jpg'), reason: expect.any(String) as string }],
      seconds: expect.any(Number) as number,
    });
    expect(first.stderr).toMatch(/Reading .* of \d+ photos/);
    expect(first.stderr).toMatch(/Describing .* of 5 photos/);
  });

  it('index: leaves captions for later when told to, and succeeds when all went well', async () => {
    const other = path.join(folder, 'other');
    await placeSamples(other, ['sample-08.jpg']);
    const ran = await run(['index', other, photos, '--no-captions']);
    expect(ran.stderr).not.toMatch(/Describing/);
    expect(jsonLines(ran)).toMatchObject([{ photos: 6, indexed: 1, unchanged: 5 }]);
    const clean = await run(['index', other, '--no-captions']);
    expect(clean.code).toBe(0);
    expect(jsonLines(clean)).toMatchObject([
      { photos: 1, indexed: 0, unchanged: 1, skipped: [], failed: [] },
    ]);
  });

  it('search: gives paths, scores and reasons, best first', async () => {
    const ran = await run(['search', 'a', 'cat', '--limit', '3']);
    expect(ran.code).toBe(0);
    const [hits] = jsonLines(ran) as { path: string; score: number; why: string }[][];
    expect(hits).toHaveLength(3);
    expect(hits?.[0]).toEqual({
      path: at('sample-02.png'),
      score: expect.any(Number) as number,
      why: expect.stringMatching(/looks 0\.\d+/) as string,
    });
    const scores = hits?.map((hit) => hit.score) ?? [];
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('search: gives the bytes of a path that is not UTF-8 beside its text', async () => {
    const [hits] = jsonLines(await run(['search', 'caf'])) as { path: string; pathBytes?: string }[][];
    const odd = hits?.filter((hit) => hit.pathBytes !== undefined) ?? [];
    expect(odd.map((hit) => Buffer.from(hit.pathBytes ?? '', 'base64'))).toEqual([
      Buffer.concat([Buffer.from(`${photos}/`), raw]),
    ]);
    expect(odd[0]?.path).toBe(`${photos}/caf\ufffd.jpg`);
  });

  it('search --rerank: looks at the best again, says how far it is, and how well each fits', async () => {
    const ran = await run(['search', 'a', 'cat', '--limit', '3', '--rerank']);
    expect(ran.code).toBe(0);
    const [hits] = jsonLines(ran) as { score: number; why: string }[][];
    expect(hits?.map(({ why }) => /^match 0\.\d{3}; looks/.test(why))).toEqual([true, true, true]);
    expect(hits?.every(({ score }) => score >= 1)).toBe(true);
    expect(ran.stderr).toMatch(/Looking closer {2}\d+ of \d+ photos/);
    const nobody = await run(['search', 'a', 'cat', '--rerank', 'nobody']);
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toContain('"nobody"');
  });

  it('search --stdin: answers every line in order', async () => {
    const queries = ['cat', 'coffee in a cup', 'sample 05', 'qwxz'];
    const ran = await run(['search', '--stdin', '--limit', '2'], `${queries.join('\r\n')}\n`);
    const answers = jsonLines(ran) as { query: string; results: { path: string }[] }[];
    expect(answers.map((answer) => Object.keys(answer))).toEqual(queries.map(() => ['query', 'results']));
    expect(answers.map((answer) => answer.query)).toEqual(queries);
    expect(answers.slice(0, 3).map((answer) => answer.results[0]?.path)).toEqual(
      ['sample-02.png', 'sample-03.jpg', 'sample-05.jpg'].map(at),
    );
  });

  it('caption: a line for each file, in the library or not; a bad one costs only the exit code', async () => {
    const outside = path.join(folder, 'outside.webp');
    await place(folder, { 'outside.webp': fixture('photo.webp') });
    const ran = await run(['caption', at('sample-02.png'), at('cut.jpg'), outside, '--prompt', 'a photo of']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(at('cut.jpg'));
    const lines = jsonLines(ran) as { path: string; caption: string }[];
    expect(lines.map((line) => Object.keys(line))).toEqual([
      ['path', 'caption'],
      ['path', 'caption'],
    ]);
    expect(lines.map((line) => line.path)).toEqual([at('sample-02.png'), outside]);
    for (const line of lines) expect(line.caption).toMatch(/^a photo of /i);
  });

  it('classify: a table for people; a line for each path; a bad file costs only the exit code', async () => {
    const labels = ['a cat', 'a cup of coffee'];
    const shown = await iris(['--library', library, 'classify', at('sample-02.png'), ...labels]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(
      /^label +zero-shot +generative +without prior\na cat +\d+\.\d %.*\na cup of/,
    );
    expect(shown.stderr).toMatch(/zero-shot: softmax of cosine x .*\n.*log p\(label \| photo\)/);
    const paths = [at('cut.jpg'), at('sample-03.jpg'), '/no/such/photo.jpg'];
    const told = await run(
      ['classify', '--stdin', '--template', 'a photo of {}', ...labels],
      paths.join('\n'),
    );
    expect(told.code).toBe(1);
    expect(told.stderr).toContain(at('cut.jpg'));
    expect(told.stderr).toContain('/no/such/photo.jpg');
    const lines = jsonLines(told) as Classification[];
    expect(lines.map((line) => line.path)).toEqual([at('sample-03.jpg')]);
    const [cat, coffee] = lines[0]?.labels ?? [];
    expect(cat).toMatchObject({ label: 'a cat', text: 'a photo of a cat' });
    expect(coffee?.zeroShot).toBeGreaterThan(cat?.zeroShot ?? 1);
  });

  it('ask: one question, or lines of path and question in order', async () => {
    const one = await run(['ask', at('sample-02.png'), 'what', 'is', 'this?']);
    expect(one.code).toBe(0);
    expect(jsonLines(one)).toMatchObject([
      { path: at('sample-02.png'), question: 'what is this?', answer: expect.any(String) as string },
    ]);
    const stdin = `${at('sample-05.jpg')}\twhat is it?\n${at('sample-02.png')}\tis it a dog?\nno tab here\n`;
    const many = await run(['ask', '--stdin'], stdin);
    expect(many.code).toBe(1);
    expect(many.stderr).toMatch(/PATH<TAB>QUESTION/);
    expect(jsonLines(many)).toMatchObject([
      { path: at('sample-05.jpg'), question: 'what is it?' },
      { path: at('sample-02.png'), question: 'is it a dog?' },
    ]);
  });

  it('chat: answers piped lines, remembers them, asks again and quits', async () => {
    const ran = await run(
      ['chat', at('sample-14.jpg')],
      'what is this?\n/again\nwhere?\n/quit\nnever asked\n',
    );
    expect(ran.code).toBe(0);
    const turns = jsonLines(ran) as { answer: string; sent: string }[];
    expect(turns).toHaveLength(3);
    expect(turns[1]?.sent).toBe(turns[0]?.sent);
    expect(turns[2]?.sent).toContain('what is this?');
    const plain = await iris(['--library', library, 'chat', at('sample-14.jpg')], { stdin: 'and now?\n' });
    expect(plain.code).toBe(0);
    expect(plain.stdout.endsWith('\n')).toBe(true);
  });

  it('export: says which files it wrote and which it left', async () => {
    const out = path.join(folder, 'out');
    for (const format of ['csv', 'jsonl', 'html', 'txt', 'xmp']) {
      const ran = await run(['export', '--format', format, '--out', out]);
      expect(ran.code).toBe(0);
      const [report] = jsonLines(ran) as { written: string[] }[];
      expect(report).toMatchObject({ skipped: [], failed: [] });
      expect(report).not.toHaveProperty('preview');
      expect(report?.written.every((file) => file.startsWith(out))).toBe(true);
    }
  });

  it('export --dry-run: says what would be written, with its beginning, and writes nothing', async () => {
    const out = path.join(folder, 'dry');
    const ran = await run([
      'export',
      '--format',
      'csv',
      '--out',
      out,
      '--fields',
      'size, source',
      '--dry-run',
    ]);
    expect(ran.code).toBe(0);
    expect(jsonLines(ran)).toMatchObject([
      {
        written: [path.join(out, 'iris-captions.csv')],
        preview: expect.stringMatching(/^path,caption,source,width,height\r\n/) as string,
      },
    ]);
    expect(existsSync(out)).toBe(false);
    const wrong = await run(['export', '--format', 'csv', '--fields', 'colour']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('takenAt');
  });

  it('models and doctor: tell what there is; a model of onnx-community comes as it is, talks and goes', async () => {
    const [models] = jsonLines(await run(['models'])) as object[][];
    expect(models?.[0]).toMatchObject({ id: 'iris-starter', state: 'ready' });
    const source = await publicForm('idefics3', {}, 'Tiny-VLM');
    const before = await readdir(source, { recursive: true });
    const missing = await run(['models', 'add', source, '--dtype', 'q4']);
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain('vision_encoder_q4.onnx is not there. Of vision_encoder there is fp32');
    const can = ['caption', 'ask', 'chat'];
    expect(jsonLines(await run(['models', 'add', source]))).toMatchObject([
      { id: 'tiny-vlm', origin: 'added', can },
    ]);
    expect(await readdir(source, { recursive: true })).toEqual(before);
    const used = jsonLines(await run(['models', 'use', 'chat', 'tiny-vlm'])) as object[][];
    expect(used[0]).toMatchObject([{ id: 'tiny-vlm', roles: ['chat'] }]);
    const talk = jsonLines(await run(['chat', at('sample-14.jpg')], 'Who is it?\n')) as { sent: string }[];
    expect(talk[0]?.sent).toContain('Who is it?<end_of_utterance>');
    const told = jsonLines(await run(['caption', at('sample-02.png'), '--model', 'tiny-vlm']));
    expect(told).toMatchObject([{ caption: expect.any(String) as string }]);
    expect((await run(['models', 'verify'])).code).toBe(0);
    await run(['models', 'use', 'chat', 'iris-starter']);
    expect(await run(['models', 'remove', 'tiny-vlm'])).toMatchObject({
      code: 0,
      stdout: '{"removed":"tiny-vlm"}\n',
    });
    expect(await run(['models', 'verify', 'tiny-vlm'])).toMatchObject({ code: 1, stdout: '' });
    const doctor = await run(['doctor']);
    expect(doctor.code).toBe(0);
    expect(jsonLines(doctor)).toMatchObject([{ ok: true, library: { integrity: 'ok' } }]);
  });

  it('models: one of onnx-community for search looks at every photo, finds, and goes again', async () => {
    await run(['models', 'add', await publicForm('clip', {}, 'Tiny-CLIP')]);
    const used = jsonLines(await run(['models', 'use', 'search', 'tiny-clip'])) as object[][];
    expect(used[0]).toMatchObject([{ id: 'tiny-clip', roles: ['search'], waiting: null }]);
    const [hits] = jsonLines(await run(['search', 'a cat', '--limit', '3'])) as { why: string }[][];
    expect(hits).toHaveLength(3);
    expect(hits?.some(({ why }) => /looks -?0\.\d+/.test(why))).toBe(true);
    await run(['models', 'use', 'search', 'iris-starter']);
    expect((await run(['models', 'remove', 'tiny-clip'])).code).toBe(0);
  });

  it('says who holds the library when it cannot write, and answers without keeping where it can', async () => {
    await withEngine({ library, holder: 'the desktop window', ...withoutModel }, async () => {
      const index = await run(['index', photos]);
      expect(index).toMatchObject({ code: 1, stdout: '' });
      expect(index.stderr).toContain('the desktop window');
      const search = await run(['search', 'cat', '--limit', '1']);
      expect(search.code).toBe(0);
      const ask = await run(['ask', at('sample-02.png'), 'what is this?']);
      expect(ask.code).toBe(0);
      expect(ask.stderr).toContain('without keeping');
      expect(jsonLines(ask)).toHaveLength(1);
    });
  });
});
