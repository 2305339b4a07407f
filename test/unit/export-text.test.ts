import { describe, expect, it } from 'vitest';
import {
  csvHeader,
  csvRow,
  escapeMarkup,
  htmlPage,
  jsonLine,
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
});
const hostile = '"><script>alert(1)</script>\r\n, \u0000\u0008\ud800 & &amp; ]]> \'';

describe('csv', () => {
  it('comes back field by field, whatever the caption holds', () => {
    const text = csvHeader + csvRow(row(hostile, '/a,"b"\n.jpg')) + csvRow(row(''));
    const [header, first, second] = parseCsv(text);
    expect(header).toHaveLength(7);
    expect(first).toEqual(['/a,"b"\n.jpg', hostile, 'model', 'm@1', '2020-01-02T03:04:05', '4', '3']);
    expect(second?.[1]).toBe('');
  });
});

describe('jsonl', () => {
  it('is one line, with the bytes of a path that is not UTF-8', () => {
    const line = jsonLine(row(hostile, '/\xe9.jpg'));
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

  it('links photos relative to the page, with every special character encoded', () => {
    const page = htmlPage([row('x', '/photos/a#b?c%"d.jpg')], '/photos/out');
    expect(page).toContain('<img src="../a%23b%3Fc%25%22d.jpg" alt="x"');
    expect(page.startsWith('<!doctype html>')).toBe(true);
  });

  it('makes an XMP packet with one description', () => {
    const packet = xmpPacket(hostile);
    expect(packet.match(/<rdf:li /g)).toHaveLength(1);
    expect(packet).not.toContain('<script');
    expect(packet.endsWith('<?xpacket end="w"?>\n')).toBe(true);
  });
});
