/** Jobs by themselves: one of each kind, held, let go on, cancelled, told. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { IndexReport, Job } from '../../src/shared/contract.ts';
import { AppError, throwIfAborted } from '../../src/shared/errors.ts';
import { Jobs, type Work } from '../../src/main/services/jobs.ts';

const report: IndexReport = { photos: 0, indexed: 0, unchanged: 0, skipped: [], failed: [], seconds: 0 };

/** Work of many short steps, counting them. */
function steps(count: number, taken: { steps: number }): Work<IndexReport> {
  return async (progress, signal) => {
    progress.phase('index', count);
    for (let i = 1; i <= count; i++) {
      await progress.pass();
      throwIfAborted(signal);
      await delay(2);
      taken.steps = i;
      progress.done(i);
    }
    return report;
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}

const stateOf = (jobs: Jobs, id: number): Job | undefined => jobs.list().find((job) => job.id === id);

describe('a job', () => {
  it('holds while it is paused, says so, and measures its rate anew when it goes on', async () => {
    const jobs = new Jobs();
    const told: Job[] = [];
    const listening = new AbortController();
    const hearing = (async () => {
      for await (const event of jobs.events(listening.signal)) if (event.type === 'job') told.push(event.job);
    })();
    const taken = { steps: 0 };
    const { id } = jobs.start(steps(60, taken));
    await until(() => taken.steps >= 10);
    jobs.pause(id);
    jobs.pause(id); // twice is once
    await delay(20);
    const held = taken.steps;
    await delay(60);
    expect(taken.steps).toBe(held);
    expect(held).toBeLessThan(60);
    expect(stateOf(jobs, id)).toMatchObject({ state: 'paused', done: held, rate: 0, secondsLeft: null });
    jobs.resume(id);
    expect(stateOf(jobs, id)).toMatchObject({ state: 'running', rate: 0 });
    await until(() => stateOf(jobs, id)?.phase === 'finished');
    expect(stateOf(jobs, id)).toMatchObject({ state: 'done', done: 60, report });
    listening.abort();
    await hearing;
    const states = told.map((job) => job.state).filter((state, i, all) => state !== all[i - 1]);
    expect(states).toEqual(['running', 'paused', 'running', 'done']);
  });

  it('is cancelled while it is paused', async () => {
    const jobs = new Jobs();
    const taken = { steps: 0 };
    const { id } = jobs.start(steps(1000, taken));
    await until(() => taken.steps > 0);
    jobs.pause(id);
    jobs.cancel(id);
    await until(() => stateOf(jobs, id)?.phase === 'finished');
    expect(stateOf(jobs, id)).toMatchObject({ state: 'cancelled', report: null, error: null });
    expect(() => jobs.resume(id)).toThrow(AppError);
    expect(() => jobs.pause(id)).toThrow(/no running job/);
  });

  it('does not keep the application open while it is paused', async () => {
    const jobs = new Jobs();
    const { id } = jobs.start(steps(1000, { steps: 0 }));
    jobs.pause(id);
    await jobs.close();
    expect(stateOf(jobs, id)).toMatchObject({ state: 'cancelled' });
  });

  it('runs beside one of another kind, but not beside one of its own', async () => {
    const jobs = new Jobs();
    const { id } = jobs.start(steps(1000, { steps: 0 }));
    const taken = { steps: 0 };
    const exporting = jobs.attend('export', steps(20, taken));
    expect(jobs.list().map((job) => job.kind)).toEqual(['index', 'export']);
    expect(() => jobs.start(steps(1, { steps: 0 }))).toThrow(/indexing already/);
    await expect(jobs.attend('export', steps(1, taken))).rejects.toThrow(/exporting already/);
    expect(await exporting).toEqual(report);
    expect(taken.steps).toBe(20);
    expect(stateOf(jobs, id)?.state).toBe('running');
    await jobs.close();
  });

  it('of a call ends with the call, or at a cancel, and fails with its error', async () => {
    const jobs = new Jobs();
    const call = new AbortController();
    const left = jobs.attend('export', steps(1000, { steps: 0 }), call.signal);
    jobs.pause(1);
    call.abort();
    await expect(left).rejects.toMatchObject({ code: 'aborted' });
    const cancelled = jobs.attend('export', steps(1000, { steps: 0 }));
    jobs.cancel(2);
    await expect(cancelled).rejects.toMatchObject({ code: 'aborted' });
    const failing = jobs.attend('export', () => Promise.reject(new Error('The disk is full.')));
    await expect(failing).rejects.toThrow('The disk is full.');
    expect(jobs.list().map(({ state, error }) => [state, error])).toEqual([
      ['cancelled', null],
      ['cancelled', null],
      ['failed', 'The disk is full.'],
    ]);
    await expect(jobs.attend('export', steps(1, { steps: 0 }), AbortSignal.abort())).rejects.toThrow();
    expect(jobs.list()).toHaveLength(3); // a call that was gone already is no job
  });
});
