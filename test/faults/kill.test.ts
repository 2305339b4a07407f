/** Killed without warning, twenty times, anywhere: the next run goes on, and nothing is lost or doubled. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { places } from '../../src/main/lib/places.ts';
import { indexed, look, photoNamed, scratch, withEngine, withoutModel } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const indexChild = path.join(import.meta.dirname, 'index-child.ts');
const kills = 20;
const startWith = 60;
const addEachTime = 4;
const total = startWith + kills * addEachTime;
const earlyMs = 300;
const betweenWritesMs = 40;
/** A run that finds nothing left to write is killed all the same. */
const patienceMs = 20_000;

describe('kill -9 while indexing', { timeout: 600_000 }, () => {
  const folder = scratch();
  const photos = path.join(folder, 'photos');
  const library = path.join(folder, 'library');

  it(`${kills} times leaves a library that the next run completes, each photo once`, async () => {
    const made = await makePhotos(path.join(folder, 'made'), total);
    await mkdir(photos);
    const add = async (from: number, to: number): Promise<void> => {
      for (const name of made.slice(from, to))
        await cp(path.join(folder, 'made', name), path.join(photos, name));
    };
    await add(0, startWith);
    const known: number[] = [];
    for (let i = 0; i < kills; i++) {
      await killWhileIndexing(i % 2 === 0, i % 4 === 1 ? places.models : withoutModel.modelsDir);
      const from = startWith + i * addEachTime;
      await add(from, from + addEachTime);
      known.push(written());
    }
    console.info(`${kills} x kill -9; photos and embeddings written after each: ${known.join(', ')}`);
    expect(known.at(-1)).toBeGreaterThan(0);
    expect(known.at(-1)).toBeLessThan(2 * total);
    expect(known).toEqual([...known].sort((a, b) => a - b)); // what was settled stays settled

    await withEngine({ library }, async (engine) => {
      const report = await indexed(engine, { folders: [photos], captions: false });
      expect(report).toMatchObject({ photos: total, skipped: [], failed: [] });
      expect((await engine.status({})).searchable).toBe(total);
      await photoNamed(engine, made.at(-1) ?? '');
    });
    const count = (sql: string): unknown[] => look(library, (db) => db.all(sql));
    expect(count('SELECT count(*) AS n FROM photo')).toEqual([{ n: total }]);
    expect(count('SELECT count(*) AS n, count(DISTINCT photo_id) AS d FROM file')).toEqual([
      { n: total, d: total },
    ]);
    expect(count('SELECT count(*) AS n, count(DISTINCT photo_id) AS d FROM cache.embedding')).toEqual([
      { n: total, d: total },
    ]);
    expect(count('SELECT * FROM cache.in_flight')).toEqual([]);
    expect(count('PRAGMA main.integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(count('PRAGMA cache.integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  /** Kills at a random moment: `early` before anything is read, else while results are being written. */
  async function killWhileIndexing(early: boolean, modelsDir: string): Promise<void> {
    const child = spawn(process.execPath, [indexChild, library, photos, modelsDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    if (early) await delay(Math.random() * earlyMs);
    else {
      const before = written();
      const until = performance.now() + patienceMs;
      while (child.exitCode === null && written() === before && performance.now() < until) await delay(3);
      await delay(Math.random() * betweenWritesMs);
    }
    child.kill('SIGKILL');
    await exited;
  }

  function written(): number {
    const sql = `SELECT (SELECT count(photo_id) FROM file) + (SELECT count(*) FROM cache.embedding) AS n`;
    return look(library, (db) => db.get<{ n: number }>(sql)?.n ?? 0);
  }
});
