import { describe, expect, it } from 'vitest';
import { ByteCache } from '../../src/main/lib/byte-cache.ts';

describe('ByteCache', () => {
  it('forgets what was not used for longest when there is too much', () => {
    const cache = new ByteCache(100);
    cache.set('a', new Uint8Array(40));
    cache.set('b', new Uint8Array(40));
    cache.get('a');
    cache.set('c', new Uint8Array(40));
    expect(['a', 'b', 'c'].filter((key) => cache.get(key))).toEqual(['a', 'c']);
    expect(cache.bytes).toBe(80);
  });

  it('counts a replaced entry once, and keeps nothing larger than itself', () => {
    const cache = new ByteCache(100);
    cache.set('a', new Uint8Array(60));
    cache.set('a', new Uint8Array(90));
    expect(cache.bytes).toBe(90);
    cache.set('b', new Uint8Array(101));
    expect([cache.get('b'), cache.bytes]).toEqual([undefined, 90]);
    cache.set('a', new Uint8Array(101));
    expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0]);
  });
});
