import { describe, expect, it } from 'vitest';
import { Channel, forEachBounded, limiter } from '../../src/main/lib/channel.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function read<T>(channel: Channel<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

describe('Channel', () => {
  it('gives values in order, pushed before and while it is read, until its end', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    const reading = read(channel);
    await tick();
    channel.push(2);
    channel.push(3);
    await tick();
    channel.end();
    expect(await reading).toEqual([1, 2, 3]);
  });

  it('gives what came before an error, then the error', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    channel.fail(new Error('broken'));
    const seen: number[] = [];
    const reading = (async (): Promise<void> => {
      for await (const value of channel) seen.push(value);
    })();
    await expect(reading).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });
});

describe('forEachBounded', () => {
  it('does every item, never more at once than allowed', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await forEachBounded(Array(20).keys(), 3, async (item) => {
      most = Math.max(most, ++running);
      await tick();
      running -= 1;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done.sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });

  it('stops taking items after an error, lets running ones end, then throws it', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = forEachBounded(Array(20).keys(), 2, async (item) => {
      begun.push(item);
      await tick();
      if (item === 3) throw new Error('item 3');
      await tick();
      ended.push(item);
    });
    await expect(work).rejects.toThrow('item 3');
    expect(begun.length).toBeLessThan(8);
    expect(ended.length).toBe(begun.length - 1);
  });
});

describe('limiter', () => {
  it('passes results and errors through, and frees the place after either', async () => {
    const gate = limiter(1);
    const order: string[] = [];
    const task =
      (name: string, fails = false) =>
      (): Promise<string> => {
        order.push(name);
        return fails ? Promise.reject(new Error(name)) : Promise.resolve(name);
      };
    const results = await Promise.allSettled([gate(task('a')), gate(task('b', true)), gate(task('c'))]);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
