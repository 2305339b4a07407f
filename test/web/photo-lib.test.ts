/** What the page reckons for one photo: zoom, the map's projection, Markdown as data, fitting questions. */
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/main/compute/decode.ts';
import { blocksOf, spansOf, type Block } from '../../src/renderer/lib/markdown.ts';
import {
  coordinates,
  mapHeight,
  mapWidth,
  openStreetMap,
  project,
  windowAround,
} from '../../src/renderer/lib/projection.ts';
import { land } from '../../src/renderer/lib/land.ts';
import { suggestions, topicsOf } from '../../src/renderer/lib/suggest.ts';
import { photoWords } from '../../src/renderer/lib/words-photo.ts';
import { chineseReason } from '../../src/renderer/lib/words-reasons.ts';
import { actualSize, fitted, held, moved, toggled, whole, zoomed } from '../../src/renderer/lib/zoom.ts';
import { reasonOf } from '../../src/shared/errors.ts';

const picture = { width: 4000, height: 3000 };
const view = { width: 1000, height: 600 };

describe('zoom', () => {
  test('a picture fits into the view, whatever its form; nothing has no size', () => {
    expect(fitted(picture, view)).toEqual({ width: 800, height: 600 });
    expect(fitted({ width: 100, height: 10 }, view)).toEqual({ width: 1000, height: 100 });
    expect(fitted({ width: 0, height: 0 }, view)).toEqual({ width: 0, height: 0 });
  });

  test('one to one is one pixel for one of the screen', () => {
    expect(actualSize(picture, view)).toBe(5);
    expect(actualSize(picture, view, 2)).toBe(2.5);
  });

  test('the spot under the pointer stays under it', () => {
    const spot = { x: 120, y: -70 };
    const before = { scale: 2, x: 30, y: 40 };
    const after = zoomed(before, 1.5, spot, picture, view);
    expect(after.scale).toBeCloseTo(3);
    for (const axis of ['x', 'y'] as const) {
      expect((spot[axis] - after[axis]) / after.scale).toBeCloseTo(
        (spot[axis] - before[axis]) / before.scale,
      );
    }
  });

  test('it goes neither below the whole picture nor endlessly close, and never out of sight', () => {
    expect(zoomed(whole, 0.1, { x: 300, y: 0 }, picture, view)).toEqual(whole);
    expect(zoomed(whole, 1000, { x: 0, y: 0 }, picture, view).scale).toBe(20);
    expect(moved({ scale: 2, x: 0, y: 0 }, 9999, -9999, picture, view)).toEqual({
      scale: 2,
      x: 300,
      y: -300,
    });
    expect(held({ scale: 1.1, x: 50, y: 0 }, picture, view).x).toBe(0);
  });

  test('a double click goes to the pixels and back', () => {
    const near = toggled(whole, { x: 0, y: 0 }, picture, view);
    expect(near.scale).toBe(5);
    expect(toggled(near, { x: 0, y: 0 }, picture, view)).toEqual(whole);
    expect(toggled(whole, { x: 0, y: 0 }, { width: 80, height: 60 }, view).scale).toBe(2);
  });
});

describe('map', () => {
  test('places stand where they belong', () => {
    expect(project(-180, 84)).toEqual({ x: 0, y: 0 });
    expect(project(180, -58)).toEqual({ x: mapWidth, y: mapHeight });
    expect(project(0, 0)).toEqual({ x: 1800, y: 840 });
    expect(project(190, 0).x).toBe(project(-170, 0).x);
    expect(project(0, -90).y).toBe(mapHeight);
  });

  test('the window never leaves the map', () => {
    expect(windowAround(project(0, 13), 1)).toEqual({ x: 0, y: 0, width: mapWidth, height: mapHeight });
    const edge = windowAround(project(179, -57), 5);
    expect(edge.x + edge.width).toBe(mapWidth);
    expect(edge.y + edge.height).toBe(mapHeight);
  });

  test('coordinates as text, and the link', () => {
    expect(coordinates(48.8584, -2.2945)).toBe('48.85840° N, 2.29450° W');
    expect(coordinates(-33.9, 18.4, 1)).toBe('33.9° S, 18.4° E');
    expect(openStreetMap(-33.9, 18.4)).toBe(
      'https://www.openstreetmap.org/?mlat=-33.90000&mlon=18.40000#map=14/-33.90000/18.40000',
    );
  });

  test('the land is a small path of closed rings, none of which jumps across the map', () => {
    expect(land.length).toBeLessThan(60_000);
    expect(land).toMatch(/^(?:M-?\d+ \d+l[-\d ]+z)+$/);
    let count = 0;
    for (const ring of land.matchAll(/M(-?\d+) (\d+)l([-\d ]+)z/g)) {
      let [x, y] = [Number(ring[1]), Number(ring[2])];
      const steps = [...(ring[3] ?? '').matchAll(/-?\d+/g)].map(Number);
      for (let at = 0; at < steps.length; at += 2) {
        const step = steps[at] ?? 0;
        x += step;
        y += steps[at + 1] ?? 0;
        expect(Math.abs(step)).toBeLessThan(mapWidth / 4);
        expect(x > -mapWidth && x < 2 * mapWidth && y >= 0 && y <= mapHeight).toBe(true);
      }
      count++;
    }
    expect(count).toBeGreaterThan(80);
  });
});

const words = (block: Block | undefined): string =>
  block && 'spans' in block ? block.spans.map((span) => span.text).join('') : '';

describe('markdown', () => {
  test('paragraphs, lists, headings, code, bold and italic', () => {
    expect(
      blocksOf('## A dog\n\nIt **runs** in *snow*.\n\n- one\n- `two`\n\n3. three\n```\nlet x\n```'),
    ).toEqual([
      { kind: 'heading', spans: [{ kind: 'text', text: 'A dog' }] },
      {
        kind: 'paragraph',
        spans: [
          { kind: 'text', text: 'It ' },
          { kind: 'bold', text: 'runs' },
          { kind: 'text', text: ' in ' },
          { kind: 'italic', text: 'snow' },
          { kind: 'text', text: '.' },
        ],
      },
      {
        kind: 'list',
        ordered: false,
        start: 1,
        items: [[{ kind: 'text', text: 'one' }], [{ kind: 'code', text: 'two' }]],
      },
      { kind: 'list', ordered: true, start: 3, items: [[{ kind: 'text', text: 'three' }]] },
      { kind: 'code', text: 'let x' },
    ]);
  });

  test('what is no mark stays as it is', () => {
    for (const text of [
      '2 * 3 * 4',
      'snake_case_name',
      'IMG_1001.jpg',
      '**never closed',
      'a ` b',
      '* ',
      '****',
    ]) {
      expect(
        spansOf(text)
          .map((span) => span.text)
          .join(''),
      ).toBe(text);
      expect(spansOf(text).every((span) => span.kind === 'text')).toBe(true);
    }
  });

  test('links, pictures and HTML stay their own text', () => {
    for (const text of [
      '[click](javascript:alert(1))',
      '![x](https://evil.test/pixel.png)',
      '<https://evil.test/>',
      '<img src=x onerror=alert(1)>',
      '<script>alert(1)</script>',
      '<a href="data:text/html,x">y</a>',
      '&lt;script&gt;',
      '[a]: https://evil.test/ "b"',
      'https://evil.test/',
      '\u202e<b>x</b>',
    ]) {
      const blocks = blocksOf(text);
      expect(blocks.map((block) => block.kind)).toEqual(['paragraph']);
      expect(words(blocks[0])).toBe(text);
    }
  });

  test('no text takes long', () => {
    const hostile = ['*', '**', '_', '`', '**a ', '_a*b', '- ', '```\n', '# ', '1. ', '\n', '*a **b `c '];
    const began = performance.now();
    for (const part of hostile) blocksOf(part.repeat(5000));
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe('questions that fit', () => {
  const { fitting, always } = photoWords.en.chat;

  test('are made from the caption, the last one is always there', () => {
    expect(topicsOf('A woman with a red umbrella')).toEqual(['people']);
    expect(suggestions('A dog runs in the snow.', fitting, always)).toEqual([
      fitting.animal,
      fitting.outdoors,
      always[2],
    ]);
    expect(suggestions(null, fitting, always)).toEqual(always);
    expect(suggestions('一只狗', photoWords.zh.chat.fitting, photoWords.zh.chat.always)[0]).toBe(
      '动物在做什么？',
    );
  });
});

describe('reasons in Chinese', () => {
  test('what the decoder says of real files has a sentence of its own, and its words behind', async () => {
    const said = async (content: Buffer, name: string): Promise<string> =>
      decode(content, name).then(() => 'decoded', reasonOf);
    const photo = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#3366aa' } })
      .jpeg()
      .toBuffer();
    const cut = await said(photo.subarray(0, 40), 'a.jpg');
    expect(cut).toMatch(/^Not decodable/);
    expect(chineseReason(cut)).toBe(`文件已损坏或不完整，无法按 JPEG 解码。（${cut}）`);
    const junk = await said(Buffer.from('no picture at all'), 'a.jpg');
    expect(chineseReason(junk)).toContain(`内容不是 Iris 认识的图片格式。（${junk}）`);
    const bmp = await said(Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), 'a.bmp');
    expect(chineseReason(bmp)).toMatch(/^Iris 不支持 BMP/);
  });
  test('an error without such words is said by its code, and one that is a bug by its own words', () => {
    expect(chineseReason('Something odd.', 'crashed')).toBe(
      '处理进程意外结束，请再试一次。（Something odd.）',
    );
    expect(chineseReason('x is undefined', 'internal')).toBe('x is undefined');
    expect(chineseReason('Something odd.')).toBe('Something odd.');
    const lost =
      'The server at http://127.0.0.1:1/v1 cannot be reached (refused). Start it, or choose another model.';
    expect(chineseReason(lost, 'model')).toContain('连接不到服务器 http://127.0.0.1:1/v1。');
  });
});
