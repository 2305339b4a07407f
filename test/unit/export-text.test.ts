import { describe, expect, it } from 'vitest';
import {
  csvTable,
  escapeMarkup,
  htmlTable,
  jsonTable,
  xmpPacket,
  type ExportRow,
} from '../../src/main/lib/export-text.ts';
import { parseCsv } from '../engine/csv.ts';

const row = (caption: string, absolute = '/photos/a b.jpg'): ExportRow => ({
  absolute: Buffer.from(absolute, 'latin1'),
  caption,
  source: 'model',
  model: 'm@1',
  takenAt: '2020-01-02T03:04:05',
  width: 4,
  height: 3,
  rating: 4,
  ownRating: null,
  tags: [],
});
const hostile = '"><script>alert(1)</script>\r\n, \u0000\u0008\ud800 & &amp; ]]> \'';

describe('csv', () => {
  it('comes back field by field, whatever the caption holds', () => {
    const table = csvTable();
    const text = table.head + table.row(row(hostile, '/a,"b"\n.jpg')) + table.row(row('')) + table.tail;
    const [header, first, second] = parseCsv(text);
    expect(header).toHaveLength(7);
    expect(first).toEqual(['/a,"b"\n.jpg', hostile, 'model', 'm@1', '2020-01-02T03:04:05', '4', '3']);
    expect(second?.[1]).toBe('');
  });

  it('has the columns that were asked for in one order, path and caption always', () => {
    const table = csvTable(['tags', 'size', 'rating']);
    const tagged = { ...row(''), tags: ['a, "b"', 'c'] };
    const [header, first, second] = parseCsv(
      table.head + table.row(tagged) + table.row({ ...tagged, rating: null }),
    );
    expect(header).toEqual(['path', 'caption', 'width', 'height', 'rating', 'tags']);
    expect(first).toEqual(['/photos/a b.jpg', '', '4', '3', '4', 'a, "b"; c']);
    expect(second?.[4]).toBe('');
  });
});

describe('jsonl', () => {
  it('is one line, with the bytes of a path that is not UTF-8', () => {
    const line = jsonTable().row(row(hostile, '/\xe9.jpg'));
    expect(line.split('\n')).toHaveLength(2);
    expect(JSON.parse(line)).toMatchObject({ path: '/\ufffd.jpg', caption: hostile, source: 'model' });
    expect(JSON.parse(line)).toHaveProperty(
      'pathBytes',
      Buffer.from('/\xe9.jpg', 'latin1').toString('base64'),
    );
  });
});

describe('markup', () => {
  it('holds no character that ends an element or an attribute, or that XML forbids', () => {
    const escaped = escapeMarkup(hostile);
    expect(escaped).not.toMatch(/[<>"\u0000\u0008\ud800]/);
    expect(escaped).toContain('&amp;amp;');
    expect(escapeMarkup('tab\t line\n')).toBe('tab\t line\n');
    expect(escapeMarkup('🐈')).toBe('🐈');
  });

  it('lists tags and leaves out what was not asked for', () => {
    const line = jsonTable(['tags']).row({ ...row('x'), tags: ['a', 'b'] });
    expect(JSON.parse(line)).toEqual({ path: '/photos/a b.jpg', caption: 'x', tags: ['a', 'b'] });
  });

  it('links photos relative to the page, with every special character encoded', () => {
    const table = htmlTable('/photos/out');
    const page = table.head + table.row(row('x', '/photos/a#b?c%"d.jpg')) + table.tail;
    expect(page).toContain('<img src="../a%23b%3Fc%25%22d.jpg" alt="x"');
    expect(page.startsWith('<!doctype html>')).toBe(true);
  });

  it('makes an XMP packet with one description', () => {
    const packet = xmpPacket(row(hostile));
    expect(packet.match(/<rdf:li /g)).toHaveLength(1);
    expect(packet).not.toMatch(/dc:subject|xmp:Rating/); // nobody set any
    expect(packet).not.toContain('<script');
    expect(packet.endsWith('<?xpacket end="w"?>\n')).toBe(true);
  });

  it("carries a person's tags and stars in XMP, none of them as markup", () => {
    const packet = xmpPacket({ ...row(''), ownRating: 0, tags: ['<b>&"', hostile, '家人'] });
    expect(packet).toContain(' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="0">');
    expect(packet.match(/<rdf:li>/g)).toHaveLength(3);
    expect(packet).toContain('<dc:subject><rdf:Bag><rdf:li>&lt;b&gt;&amp;&quot;</rdf:li>');
    expect(packet).toContain('<rdf:li>家人</rdf:li></rdf:Bag></dc:subject>');
    expect(packet).not.toContain('dc:description'); // there is no caption
    expect(packet.match(/</g)?.length).toBe(packet.match(/>/g)?.length);
  });
});
