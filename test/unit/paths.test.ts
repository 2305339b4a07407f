import { describe, expect, it } from 'vitest';
import { below, joinBytes, pathFields, splitRelative } from '../../src/main/lib/paths.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('paths', () => {
  it('joins raw bytes with one separator', () => {
    expect(joinBytes(bytes('/a'), bytes('b\xff/c'))).toEqual(bytes('/a/b\xff/c'));
    expect(joinBytes(bytes('/'), bytes('b'))).toEqual(bytes('/b'));
    expect(joinBytes(bytes('/a'), bytes(''))).toEqual(bytes('/a'));
  });

  it('gives the bytes beside the text only where the text would lose some', () => {
    expect(pathFields(Buffer.from('/é'))).toEqual({ path: '/é' });
    const { path, pathBytes } = pathFields(bytes('/\xe9'));
    expect(path).toBe('/\ufffd');
    expect(Buffer.from(pathBytes ?? '', 'base64')).toEqual(bytes('/\xe9'));
  });

  it('splits a relative path into a composed folder and name', () => {
    expect(splitRelative(Buffer.from('a/b/cafe\u0301.jpg'))).toEqual({
      folder: 'a/b',
      name: 'caf\u00e9.jpg',
    });
    expect(splitRelative(Buffer.from('x.jpg'))).toEqual({ folder: '', name: 'x.jpg' });
  });

  it.each([
    ['/a', '/a', ''],
    ['/a', '/a/b/c', 'b/c'],
    ['/a', '/ab', undefined],
    ['/a/b', '/a', undefined],
    ['/a', '/a/..b', '..b'],
    ['/', '/a', 'a'],
  ])('below %s, %s is %s', (outer, inner, expected) => {
    expect(below(outer, inner)).toBe(expected);
  });
});
