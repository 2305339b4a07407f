/** `iris models`: what is here, adding and removing, giving a model its work, comparing hashes. */
import path from 'node:path';
import type { Args, ModelInfo, Role } from '../../shared/contract.ts';
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
