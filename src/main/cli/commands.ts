/** One function a command: asks the engine, prints the answer, gives the exit code. */
import process from 'node:process';
import readline from 'node:readline';
import path from 'node:path';
import type { Args, Engine, IndexReport, Job, SearchHit } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { places } from '../lib/places.ts';
import { makeReady, restMs } from '../engine.ts';
import { serveWeb } from '../web.ts';
import {
  modelOf,
  print,
  printJson,
  ProgressLine,
  say,
  sayGloss,
  unsure,
  withAnyEngine,
  withEngine,
  type Common,
  type Writing,
} from './output.ts';

/** Starts the indexing job and follows it to its end; Ctrl-C cancels it in good order. */
export async function indexFolders(engine: Engine, args: Args<'index'>): Promise<Job> {
  const ended = await followJob(engine, () => engine.index(args));
  if (ended) return ended;
  throw new AppError('internal', 'Indexing ended without a report.');
}

/** Follows the job that `start` gives, if it gives one. */
export async function followJob(engine: Engine, start: () => Promise<Job | null>): Promise<Job | null> {
  const listening = new AbortController();
  const events = engine.events({}, listening.signal);
  const line = new ProgressLine();
  const started = await start();
  const cancel = (): void => void (started && engine.cancel({ job: started.id }));
  process.once('SIGINT', cancel);
  try {
    if (!started) return null;
    for await (const event of events) {
      if (event.type !== 'job' || event.job.id !== started.id) continue;
      line.show(event.job);
      if (event.job.phase === 'finished') return event.job;
    }
    return null;
  } finally {
    process.removeListener('SIGINT', cancel);
    listening.abort();
  }
}

/** Does a call whose jobs are shown while it lasts. */
export async function shown<T>(engine: Engine, call: () => Promise<T>): Promise<T> {
  const listening = new AbortController();
  const line = new ProgressLine();
  const events = engine.events({}, listening.signal);
  void (async () => {
    for await (const event of events) if (event.type === 'job') line.show(event.job);
  })();
  return await call().finally(() => listening.abort());
}

export interface IndexOptions extends Common {
  captions: boolean;
  acceptDeletions?: true;
  model?: string;
}

export async function index(folders: string[], options: IndexOptions): Promise<number> {
  const { captions, acceptDeletions } = options;
  const absolute = folders.map((folder) => path.resolve(folder));
  const job = await withEngine(options, 'write', 'iris index', (engine) =>
    indexFolders(engine, {
      ...{ folders: absolute, captions, ...modelOf(options) },
      ...(acceptDeletions && { accept: true }),
    }),
  );
  if (job.error !== null) throw new AppError('internal', job.error);
  const { report } = job;
  if (!report) throw new AppError('aborted', 'Cancelled. Run the same command again to go on.');
  if (options.json) printJson(report);
  else printReport(report);
  if (job.state === 'cancelled') say('Cancelled. Run the same command again to go on.');
  return job.state === 'done' && report.failed.length === 0 ? 0 : 1;
}

const shownProblems = 20;

function printReport(report: IndexReport): void {
  const { photos, indexed, unchanged, skipped, failed, seconds } = report;
  for (const { path, reason } of failed.slice(0, shownProblems)) say(`  ${path}: ${reason}`);
  if (failed.length > shownProblems) say(`  … and ${failed.length - shownProblems} more (--json lists all)`);
  print(
    `${photos} photos: ${indexed} indexed, ${unchanged} unchanged; ${skipped.length} files skipped, ${failed.length} failed; ${seconds} s`,
  );
}

const hitJson = ({ path, pathBytes, score, why }: SearchHit): object => ({
  path,
  ...(pathBytes !== undefined && { pathBytes }),
  score: Math.round(score * 1e6) / 1e6,
  why: why.map(({ kind, detail }) => `${kind} ${detail}`).join('; '),
});

export async function search(
  words: string[],
  options: Common & { limit: number; stdin?: true; rerank?: true | string },
): Promise<number> {
  if (!options.stdin && words.length === 0)
    throw new AppError('bad-request', 'Expected a query, such as: iris search a dog in the snow');
  return await withEngine(options, 'read', 'iris search', async (engine) => {
    const rerank = options.rerank === undefined ? {} : { rerank: options.rerank };
    const find = async (query: string): Promise<SearchHit[]> => {
      const { hits, gloss } = await shown(engine, () =>
        engine.search({ query, limit: options.limit, ...rerank }),
      );
      sayGloss(gloss);
      return hits;
    };
    if (options.stdin) {
      for await (const query of lines()) printJson({ query, results: (await find(query)).map(hitJson) });
      return 0;
    }
    const hits = await find(words.join(' '));
    if (options.json) printJson(hits.map(hitJson));
    else hits.forEach(printHit);
    if (hits.length === 0) say('Nothing found. "iris index FOLDER" makes photos searchable.');
    return 0;
  });
}

function printHit(hit: SearchHit, rank: number): void {
  const why = hit.why.map(({ kind, detail }) =>
    kind === 'looks' ? `looks like it (${detail})` : `${kind === 'match' ? 'fits' : kind}: ${detail}`,
  );
  print(`${String(rank + 1).padStart(3)}  ${hit.path}`);
  say(`     ${hit.likely ? 'likely' : 'weaker'}; ${why.join('; ')}`);
}

/** Non-empty lines of standard input, as they come. */
export async function* lines(): AsyncGenerator<string> {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity }))
    if (line.trim() !== '') yield line;
}

export async function caption(files: string[], options: Writing & { prompt?: string }): Promise<number> {
  return await withAnyEngine(options, 'iris caption', async (engine) => {
    const prompt = options.prompt === undefined ? {} : { prompt: options.prompt };
    const by = modelOf(options);
    return await eachLine(files, options, async (file) => {
      const {
        path: shown,
        pathBytes,
        caption,
        boxes,
      } = await engine.caption({ photo: { path: path.resolve(file) }, ...prompt, ...by });
      return {
        text: caption,
        json: { path: shown, ...(pathBytes && { pathBytes }), caption, ...(boxes && { boxes }) },
      };
    });
  });
}

export async function ask(
  file: string | undefined,
  words: string[],
  options: Writing & { stdin?: true },
): Promise<number> {
  if (!options.stdin && (!file || words.length === 0))
    throw new AppError(
      'bad-request',
      'Expected a photo and a question, such as: iris ask photo.jpg what colour is the car',
    );
  return await withAnyEngine(options, 'iris ask', async (engine) => {
    const input = options.stdin ? lines() : [`${file ?? ''}\t${words.join(' ')}`];
    return await eachLine(input, options.stdin ? { ...options, json: true } : options, async (line) => {
      const [photo = '', question = ''] = line.split('\t', 2);
      if (!question.trim()) throw new AppError('bad-request', `Expected PATH<TAB>QUESTION, got "${line}".`);
      const answered = await engine.ask({
        photo: { path: path.resolve(photo) },
        question,
        ...modelOf(options),
      });
      const { path: shown, pathBytes, answer, confidence, answers, sureness, gloss, boxes } = answered;
      sayGloss(gloss);
      return {
        text: answer + unsure(sureness),
        json: {
          path: shown,
          ...(pathBytes && { pathBytes }),
          question,
          answer,
          confidence,
          ...(answers && { answers }),
          ...(sureness && { sureness }),
          ...(gloss !== undefined && { gloss }),
          ...(boxes && { boxes }),
        },
      };
    });
  });
}

/** Answers item by item; one that fails is told on standard error and costs only the exit code. */
export async function eachLine<T extends string>(
  items: Iterable<T> | AsyncIterable<T>,
  options: Common,
  answer: (item: T) => Promise<{ text: string; json: object }>,
): Promise<number> {
  let code = 0;
  for await (const item of items) {
    try {
      const { text, json } = await answer(item);
      if (options.json) printJson(json);
      else print(text);
    } catch (error) {
      if (error instanceof AppError && (error.code === 'model' || error.code === 'internal')) throw error;
      say(`iris: ${reasonOf(error)}`);
      code = 1;
    }
  }
  return code;
}

export async function doctor(options: Common): Promise<number> {
  const found = await withEngine(options, 'read', 'iris doctor', (engine) => engine.doctor({}));
  if (options.json) printJson(found);
  else {
    print(
      Object.entries(found.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    );
    print(
      `library ${found.library.path}: schema ${found.library.schema}, integrity ${found.library.integrity}`,
    );
    for (const [name, bytes] of Object.entries(found.library.bytes))
      print(`  ${name}: ${(bytes / 1e6).toFixed(1)} MB`);
    const { photos, searchable, captioned, failed } = found.counts;
    print(`photos ${photos}, searchable ${searchable}, captioned ${captioned}, failed ${failed}`);
    for (const entry of found.providers)
      print(
        `provider ${entry.name}${entry.used ? ' (in use)' : ''}: ${entry.reason ?? `${entry.imagesPerSecond?.toFixed(1) ?? 0} images a second, cosine to CPU ${entry.cosine?.toFixed(6) ?? 'unknown'}`}`,
      );
    for (const model of found.models)
      print(`model ${model.id}: ${model.state}${model.reason ? `, ${model.reason}` : ''}`);
    print(`connections: ${found.connections}`);
  }
  return found.ok ? 0 : 1;
}

export async function serve(options: Common & { port?: number }): Promise<number> {
  return await withEngine({ ...options, watchMs: restMs }, 'write', 'iris serve', async (engine) => {
    await serveUntilStopped(engine, options.port);
    return 0;
  });
}

/** Serves the page until Ctrl-C or the system's stop signal. */
export async function serveUntilStopped(engine: Engine, port?: number): Promise<void> {
  makeReady(engine);
  const host = await serveWeb(engine, { pageDir: places.page, ...(port !== undefined && { port }) });
  print(`Iris is at ${host.url}`);
  say('The address works on this machine only, until Iris ends. Ctrl-C ends it.');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await host.close();
}
