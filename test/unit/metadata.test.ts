import { describe, expect, it } from 'vitest';
import type { Decoded } from '../../src/main/compute/decode.ts';
import { readMetadata, wallClock } from '../../src/main/compute/metadata.ts';

const decoded = (xmp?: string): Decoded => ({
  picture: { data: Buffer.alloc(3), width: 1, height: 1 },
  width: 1,
  height: 1,
  format: 'jpeg',
  orientation: 1,
  exif: undefined,
  xmp: xmp === undefined ? undefined : Buffer.from(xmp),
});
const read = (xmp?: string): ReturnType<typeof readMetadata> =>
  readMetadata(Buffer.alloc(0), decoded(xmp), Date.UTC(2020, 1, 2, 3, 4, 5) * 1000);

describe('wallClock', () => {
  it.each([
    ['2019:06:01 10:20:30', '2019-06-01T10:20:30'],
    ['2019-06-01T10:20:30+02:00', '2019-06-01T10:20:30'],
    ['2020:02:29 00:00:00', '2020-02-29T00:00:00'],
    ['2019:02:29 00:00:00', null],
    ['0000:00:00 00:00:00', null],
    ['    :  :     :  :  ', null],
    ['9999:99:99 99:99:99', null],
    ['1799:01:01 00:00:00', null],
    ['2019:06:01 24:00:00', null],
    ['yesterday', null],
    [null, null],
  ])('reads %j as %j, in every time zone alike', (written, expected) => {
    const zone = process.env['TZ'];
    for (const tz of ['UTC', 'Asia/Kolkata', 'America/New_York', 'Pacific/Apia']) {
      process.env['TZ'] = tz;
      expect(wallClock(written)).toBe(expected);
    }
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
});

describe('readMetadata', () => {
  it("takes the file's time where the camera wrote none", () => {
    expect(read().takenAt).toBe('2020-02-02T03:04:05');
  });

  it.each([
    ['<rdf:Description xmp:Rating="4"/>', 4],
    ["<rdf:Description xmp:Rating = '5'/>", 5],
    ['<xmp:Rating>3</xmp:Rating>', 3],
    ['<xmp:Rating>-1</xmp:Rating>', -1],
    ['<xmp:Label>5</xmp:Label>', null],
    ['<!DOCTYPE x [<!ENTITY r SYSTEM "file:///etc/passwd">]><xmp:Rating>&r;</xmp:Rating>', null],
    ['', null],
  ])('reads the rating of %s as %j', (xmp, expected) => {
    expect(read(xmp).metadata.rating).toBe(expected);
  });
});
