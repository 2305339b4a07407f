/** `iris models`: what is here, adding and removing, giving a model its work, comparing hashes. */
import path from 'node:path';
import process from 'node:process';
import type { Args, CatalogueModel, Engine, ModelInfo, Role } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { megabytes } from '../lib/progress.ts';
import { validated } from '../lib/validate.ts';
import { followJob, shown } from './commands.ts';
import { print, printJson, readSecret, say, withEngine, type Common } from './output.ts';

/** Lists all models; fails where one is damaged or gone. */
export async function listModels(options: Common): Promise<number> {
  return await tell(options, await modelsOf(options, {}));
}

/** The same after comparing the hashes of all files, of one model or all. */
export async function verifyModels(id: string | undefined, options: Common): Promise<number> {
  return await tell(options, await modelsOf(options, { verify: true, ...(id !== undefined && { id }) }));
}

export async function addModel(folder: string, options: Common & { dtype?: string }): Promise<number> {
  const { dtype } = options;
  const args = { folder: path.resolve(folder), ...(dtype !== undefined && { dtype }) };
  const added = await withEngine(options, 'write', 'iris models add', (engine) =>
    shown(engine, () => engine.addModel(args)),
  );
  if (options.json) printJson(added);
  else print(lineOf(added));
  say(`"iris models use ROLE ${added.id}" gives it work; it can ${added.can.join(', ')}.`);
  return 0;
}

interface Downloading extends Common {
  key?: boolean;
  keyEnv?: string;
  discard?: boolean;
}

/** The only command that connects to a hub, and says to which before it does; Ctrl-C keeps what is here. */
export async function downloadModel(id: string | undefined, options: Downloading): Promise<number> {
  if (id === undefined) return await tellCatalogue(options);
  const secret = options.key ? await readSecret('Key of the hub: ') : undefined;
  const key = options.keyEnv === undefined ? secret : process.env[options.keyEnv];
  const args = validated('downloadModel', { id, ...(key !== undefined && { key }) }) as Args<'downloadModel'>;
  return await withEngine(options, 'write', 'iris models download', async (engine) => {
    if (options.discard) {
      await engine.discardDownload({ id });
      print(`What was downloaded of ${id} is deleted.`);
      return 0;
    }
    const { hub } = await engine.catalogue({});
    say(`Connecting to ${hub}, and to where it keeps its files. Nothing of yours is sent.`);
    const ended = await followJob(engine, () => engine.downloadModel(args));
    if (ended?.error) throw new AppError('internal', ended.error);
    if (ended?.state === 'cancelled')
      say('Cancelled. The same command goes on; --discard deletes what is here.');
    return ended?.state === 'done' ? await tellNew(engine, id, options) : 1;
  });
}

async function tellNew(engine: Engine, id: string, options: Common): Promise<number> {
  const added = (await engine.models({})).filter((model) => model.id === id);
  for (const model of added)
    say(`"iris models use ROLE ${id}" gives it work; it can ${model.can.join(', ')}.`);
  return await tell(options, added);
}

async function tellCatalogue(options: Common): Promise<number> {
  const { hub, models } = await withEngine(options, 'read', 'iris models download', (engine) =>
    engine.catalogue({}),
  );
  if (options.json) printJson({ hub, models });
  else for (const model of models) print(knownLine(model));
  say(`"iris models download ID" connects to ${hub}.`);
  return 0;
}

function knownLine({ id, name, does, suits, bytes, memoryMb, license, ...model }: CatalogueModel): string {
  const size = `about ${megabytes(bytes)} to download, ${memoryMb} MB of memory`;
  const state = model.here ? '; it is here' : model.kept > 0 ? `; ${megabytes(model.kept)} are here` : '';
  const cannot = model.cannot ? `; not to be downloaded: ${model.cannot.en}` : '';
  return `${id}  ${name}, ${size}; ${license}; ${does.en} ${suits.en}${state}${cannot}`;
}

/** Adds a model behind a server; nothing is sent to it before it is asked. */
export async function connectModel(
  address: string,
  model: string,
  options: Common & { remote?: boolean; key?: boolean; keyEnv?: string },
): Promise<number> {
  const { remote, keyEnv } = options;
  const key = options.key ? await readSecret('Key of the server: ') : undefined;
  const args = validated('connectModel', {
    ...{ address, model, key, keyVariable: keyEnv },
    ...(remote && { remote }),
  }) as Args<'connectModel'>;
  const added = await withEngine(options, 'write', 'iris models connect', (engine) =>
    engine.connectModel(args),
  );
  if (options.json) printJson(added);
  else print(lineOf(added));
  say(`Photos that you ask it about are sent to ${String(added.sends)}: "iris ask --model ${added.id} ...".`);
  return 0;
}

export async function removeModel(id: string, options: Common): Promise<number> {
  await withEngine(options, 'write', 'iris models remove', (engine) => engine.removeModel({ id }));
  if (options.json) printJson({ removed: id });
  else print(`${id} is removed.`);
  return 0;
}

/** Chooses a model and, for search, waits until it has seen the photos; Ctrl-C leaves the rest for the next index. */
export async function useModel(role: Role, id: string, options: Common): Promise<number> {
  return await withEngine(options, 'write', 'iris models use', async (engine) => {
    const ended = await followJob(engine, () => engine.useModel({ role, id }));
    if (ended?.error) throw new AppError('internal', ended.error);
    const now = (await engine.models({})).filter((model) => model.roles.includes(role) || model.id === id);
    const chosen = now.find((model) => model.id === id);
    if (options.json) printJson(now);
    else if (chosen?.roles.includes(role)) print(`${chosen.name} is used for ${role} now.`);
    if (!chosen?.waiting) return 0;
    say(`${chosen.waiting} photos wait for ${chosen.name}; the other model searches until then.`);
    say('"iris index FOLDER" goes on; a folder that is offline must be connected first.');
    return 1;
  });
}

function modelsOf(options: Common, args: Args<'models'>): Promise<ModelInfo[]> {
  return withEngine(options, 'read', 'iris models', (engine) => engine.models(args));
}

function tell(options: Common, list: readonly ModelInfo[]): Promise<number> {
  if (options.json) printJson(list);
  else
    for (const model of list) {
      print(lineOf(model));
      if (model.reason) say(`  ${model.reason}`);
      if (model.waiting) say(`  chosen for search; ${model.waiting} photos wait for it`);
    }
  return Promise.resolve(list.every((model) => model.state === 'ready') ? 0 : 1);
}

function lineOf({ id, name, bytes, memoryMb, can, roles, license, origin, state, sends }: ModelInfo): string {
  const size = `${megabytes(bytes)} on disk, ${memoryMb} MB of memory`;
  const does = roles.length > 0 ? `does ${roles.join(', ')}` : 'does nothing now';
  const sent = sends === null ? '' : `; photos are sent to ${sends}`;
  return `${id}  ${name}, ${size}; can ${can.join(', ') || 'nothing'}; ${does}; ${license}; ${origin}; ${state}${sent}`;
}
