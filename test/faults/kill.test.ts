/** Killed without warning, twenty times, anywhere: the next run goes on, and nothing is lost or doubled. */
import { spawn } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { cliEntry } from '../engine/cli.ts';
import { indexed, look, photoNamed, scratch, withEngine } from '../engine/helpers.ts';
import { makePhotos } from '../engine/make-photos.ts';

const kills = 20;
const startWith = 20;
const addEachTime = 2;
const total = startWith + kills * addEachTime;
const earlyMs = 300;
const betweenWritesMs = 40;

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
      await killWhileIndexing(i % 2 === 0);
      const from = startWith + i * addEachTime;
      await add(from, from + addEachTime);
      known.push(settled());
    }
    console.info(`${kills} x kill -9; photos settled after each: ${known.join(', ')}`);
    expect(known.at(-1)).toBeGreaterThan(0);
    expect(known.at(-1)).toBeLessThan(total);
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
  async function killWhileIndexing(early: boolean): Promise<void> {
    const args = [cliEntry, '--library', library, '--json', 'index', '--no-captions', photos];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const begun = new Promise<void>((resolve) => {
      child.stderr.on('data', (text: Buffer) => {
        if (text.toString().includes('Looking')) resolve();
      });
    });
    await Promise.race([begun, exited]);
    if (early) await delay(Math.random() * earlyMs);
    else {
      const enough = settled() + Math.floor(Math.random() * 3);
      while (child.exitCode === null && settled() <= enough) await delay(5);
      await delay(Math.random() * betweenWritesMs);
    }
    child.kill('SIGKILL');
    await exited;
  }

  function settled(): number {
    const sql = 'SELECT count(*) AS n FROM file WHERE photo_id IS NOT NULL';
    return look(library, (db) => db.get<{ n: number }>(sql)?.n ?? 0);
  }
});
