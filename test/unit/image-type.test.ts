import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { headBytes, imageType, isPhotoName, isRawName } from '../../src/main/lib/image-type.ts';

const fixtures = path.resolve(import.meta.dirname, '../fixtures');
const ascii = (text: string): Uint8Array => Buffer.from(text.padEnd(headBytes, '\0'), 'latin1');

describe('imageType', () => {
  it('knows every fixture by its content, whatever it is called', () => {
    const byExtension = {
      jpg: 'jpeg',
      png: 'png',
      gif: 'gif',
      webp: 'webp',
      avif: 'avif',
      tiff: 'tiff',
      bmp: 'bmp',
    };
    for (const name of readdirSync(fixtures).filter((entry) => /\.(?!py)\w+$/.test(entry))) {
      const head = readFileSync(path.join(fixtures, name)).subarray(0, headBytes);
      const extension = path.extname(name).slice(1) as keyof typeof byExtension;
      const expected = name === 'empty.jpg' || name === 'text.jpg' ? undefined : byExtension[extension];
      expect([name, imageType(head, 'misnamed.txt')]).toEqual([name, expected]);
    }
  });

  it.each([
    ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'a.heic', 'heic'],
    ['\0\0\0\x18ftypmif1\0\0\0\0mif1avif', 'a.heic', 'avif'],
    ['\0\0\0\x18ftypcrx \0\0\0\x01crx isom', 'a.cr3', 'raw'],
    ['\0\0\0\x18ftypmp42\0\0\0\0isommp42', 'a.heic', undefined],
    ['II*\0', 'a.tif', 'tiff'],
    ['II*\0', 'a.NEF', 'raw'],
    ['MM\0*', 'a.dng', 'raw'],
    ['FUJIFILMCCD-RAW 0201', 'a.raf', 'raw'],
    ['BM, said the bank manager', 'a.bmp', undefined],
    ['<svg xmlns="http://www.w3.org/2000/svg">', 'a.png', undefined],
    ['<!doctype html>', 'a.jpg', undefined],
    ['%PDF-1.7', 'a.jpg', undefined],
    ['\xff\xd8', 'a.jpg', undefined],
  ])('tells %j named %s as %s', (head, name, expected) => {
    expect(imageType(ascii(head), name)).toBe(expected);
  });

  it('knows photos by name in any case, without taking other files for them', () => {
    expect(['a.JPG', 'b.heif', 'c.Cr2', 'd.e.webp'].every(isPhotoName)).toBe(true);
    expect(['jpg', 'a.svg', 'a.jpg.txt', 'a.'].some(isPhotoName)).toBe(false);
    expect([isRawName('x.DNG'), isRawName('x.jpg')]).toEqual([true, false]);
  });
});
