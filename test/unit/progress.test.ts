import { describe, expect, it } from 'vitest';
import { duration, Rate } from '../../src/main/lib/progress.ts';

describe('Rate', () => {
  it('is unknown until two marks are there', () => {
    const rate = new Rate(() => 0);
    expect([rate.perSecond, rate.secondsLeft(10)]).toEqual([0, null]);
    rate.mark(0);
    expect([rate.perSecond, rate.secondsLeft(10)]).toEqual([0, null]);
  });

  it('follows the last ten seconds, not the whole run', () => {
    let now = 0;
    const rate = new Rate(() => now);
    rate.mark(0);
    for (now = 1000; now <= 30_000; now += 1000) rate.mark(now / 100); // 10 a second
    now = 30_000;
    expect(rate.perSecond).toBeCloseTo(10);
    expect(rate.secondsLeft(400)).toBeCloseTo(10);
    for (now = 31_000; now <= 45_000; now += 1000) rate.mark(300 + (now - 30_000) / 1000); // then 1 a second
    expect(rate.perSecond).toBeCloseTo(1);
  });
});

describe('duration', () => {
  it.each([
    [0.2, '1 s'],
    [99, '99 s'],
    [100, '2 min'],
    [3600, '60 min'],
    [7500, '2 h 05 min'],
  ])('says %d seconds as %s', (seconds, said) => {
    expect(duration(seconds)).toBe(said);
  });
});
