import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Watchdog } from '../../src/main/lib/watchdog.ts';

describe('Watchdog', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('calls the alarm once for work that does not end, and not for work that does', () => {
    const alarm = vi.fn();
    const dog = new Watchdog(1000, alarm);
    dog.begin(1);
    dog.begin(2);
    vi.advanceTimersByTime(900);
    dog.end(1);
    expect(alarm).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5000);
    expect(alarm).toHaveBeenCalledTimes(1);
    dog.stop();
  });

  it('measures each piece of work by itself', () => {
    const alarm = vi.fn();
    const dog = new Watchdog(1000, alarm);
    for (let i = 0; i < 10; i++) {
      dog.begin(i);
      vi.advanceTimersByTime(600);
      dog.end(i);
    }
    expect(alarm).not.toHaveBeenCalled();
    dog.stop();
  });

  it('blames no work for waiting while its clocks are held, but does not wait for ever', () => {
    const alarm = vi.fn();
    const dog = new Watchdog(1000, alarm);
    dog.begin(1);
    vi.advanceTimersByTime(900);
    dog.hold(true);
    vi.advanceTimersByTime(10_000);
    dog.hold(false);
    vi.advanceTimersByTime(50);
    dog.end(1);
    vi.advanceTimersByTime(5000);
    expect(alarm).not.toHaveBeenCalled();
    dog.hold(true);
    vi.advanceTimersByTime(21_000);
    expect(alarm).toHaveBeenCalledTimes(1);
    dog.stop();
  });

  it('is quiet once stopped', () => {
    const alarm = vi.fn();
    const dog = new Watchdog(1000, alarm);
    dog.begin(1);
    dog.stop();
    vi.advanceTimersByTime(5000);
    expect(alarm).not.toHaveBeenCalled();
  });
});
