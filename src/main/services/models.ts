/** Which models there are, which of them does what, and who stands in for one that is missing or damaged. */
import { roles, type LibraryStatus, type ModelInfo, type Role } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { listModels, unknownFacts, verifyFiles, type Listed, type Manifest } from '../inference/registry.ts';
import { log } from '../lib/log.ts';
import type { ReadDb, WriteDb } from '../store/database.ts';
import { modelChoices, saveModelChoices, type ModelChoices } from '../store/decisions.ts';
import { forgetModel, unseenBy } from '../store/results.ts';

type Ability = ModelInfo['can'][number];

export interface Installed extends Listed {
  origin: ModelInfo['origin'];
}

/** A model whose manifest could be read, and that nothing is known against. */
export interface Usable extends Installed {
  manifest: Manifest;
}

interface Serving {
  model: Usable | null;
  /** The model that was chosen and cannot do it, and why. */
  replaced: { id: string; reason: string } | null;
}

export interface ModelsOptions {
  db: ReadDb;
  /** The folder of models that came with Iris, and that of those a person added. */
  shipped: string;
  added: string;
  /** Who does what has changed without anybody asking. */
  onChange: () => void;
}

/**
 * A model is found by its folder and the sizes of its files; before it does anything its hashes are compared,
 * once. A choice that cannot be followed falls to the first model that can, those that came with Iris first.
 */
export class Models {
  readonly #options: ModelsOptions;
  #found: Installed[] = [];
  /** What comparing the hashes of a folder gave: null, or what is wrong. */
  readonly #checks = new Map<string, Promise<string | null>>();
  readonly #faults = new Map<string, string>();
  #told = '';

  /** Knows of no model until it is told to look. */
  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  /** Reads the folders again, `thoroughly` with the hashes of all files, of one model or all. */
  async look(thoroughly: boolean, id?: string): Promise<void> {
    const { shipped, added } = this.#options;
    const own = await listModels(shipped, false);
    const more = await listModels(added, false);
    const ids = new Set(own.map(({ id }) => id));
    this.#found = [
      ...own.map((model) => ({ ...model, origin: 'shipped' as const })),
      ...more.map((model) => ({ ...model, origin: 'added' as const })).filter(({ id }) => !ids.has(id)),
    ];
    if (thoroughly) {
      this.#checks.clear();
      const asked = this.#found.filter((model) => model.manifest && (id === undefined || model.id === id));
      for (const model of asked) await this.#check(model as Usable);
    }
    this.#tell();
  }

  /** Everything about every model, those that were chosen and are gone as well; or about one, which must be there. */
  async list(thoroughly: boolean, id?: string): Promise<ModelInfo[]> {
    await this.look(thoroughly, id);
    const choices = modelChoices(this.#options.db);
    const gone = new Set(Object.values(choices).filter((id) => !this.#find(id)));
    const all = [...this.#found.map((model) => this.info(model)), ...[...gone].map(missing)];
    const asked = all.filter((model) => id === undefined || model.id === id);
    return asked.length > 0 || id === undefined ? asked : [this.info(this.find(id))];
  }

  info(model: Installed): ModelInfo {
    const { id, version, name, summary, license, bytes, memoryMb, can, sends, origin, dir } = model;
    const reason = this.#faultOf(model);
    return {
      ...{ id, version, name, summary, license, bytes, memoryMb, can, sends, origin },
      state: reason === null ? 'ready' : 'damaged',
      reason,
      roles: roles.filter((role) => this.serving(role).model?.dir === dir),
      waiting: this.#waiting(model),
    };
  }

  /** Who does `role` now, as far as is known. */
  serving(role: Role): Serving {
    const choices = modelChoices(this.#options.db);
    const chosen = choices[role];
    const fault = chosen === undefined ? null : this.#cannot(chosen, role);
    const first = role === 'search' ? choices.searching : undefined;
    // A server gets photos because a person chose it, never in place of another.
    const here = this.#found.filter(({ sends }) => sends === null);
    const inOrder = [first, chosen, ...here.map(({ id }) => id)];
    const model = inOrder.map((id) => this.#able(id, role)).find((able) => able !== null) ?? null;
    return { model, replaced: chosen !== undefined && fault ? { id: chosen, reason: fault } : null };
  }

  /** The same with proof: the hashes of its files have been compared. */
  async use(role: Role): Promise<Usable | null> {
    for (;;) {
      const { model } = this.serving(role);
      if (!model || (await this.#check(model)) === null) return model;
    }
  }

  /** The model that looks at photos: the one chosen for search, also before it takes over. */
  async toIndex(): Promise<Usable | null> {
    const chosen = this.#able(modelChoices(this.#options.db).search, 'search');
    return chosen && (await this.#check(chosen)) === null ? chosen : await this.use('search');
  }

  /** A model that can write about a photo: the one with this id, or that of the role. Throws AppError('model'). */
  async toWrite(ability: 'caption' | 'ask' | 'chat', id?: string): Promise<Usable & { captioner?: Usable }> {
    if (id === undefined) {
      const model = await this.use(ability === 'caption' ? 'caption' : 'chat');
      if (model) return model;
      throw new AppError('model', this.notice ?? 'No model here can write about photos. Add one that can.');
    }
    const [captioner, language] = id.split('+');
    if (captioner === undefined || language === undefined) return await this.named(id, ability);
    const seeing = await this.named(captioner, 'caption');
    const reading = await this.named(language, 'language');
    return { ...reading, version: `${seeing.version}+${reading.version}`, captioner: seeing };
  }

  /** A model that tells how well a text fits a photo: this one, else any that matches, else by likelihood. */
  async toJudge(id?: string): Promise<Usable> {
    if (id !== undefined) {
      const abilities = this.find(id).can;
      return await this.named(id, abilities.includes('match') ? 'match' : 'caption');
    }
    const first = this.serving('search').model?.id;
    for (const each of [first, ...this.#found.map((model) => model.id)]) {
      const model = this.#able(each, 'match');
      if (model && (await this.#check(model)) === null) return model;
    }
    return await this.toWrite('caption');
  }

  /** Throws AppError('model') where there is none by this id. */
  find(id: string): Installed {
    const model = this.#find(id);
    if (model) return model;
    const known = this.#found.map((other) => other.id).join(', ') || 'none';
    throw new AppError('model', `There is no model "${id}". Expected one of those that are here: ${known}.`);
  }

  /** Who does what, for the page. */
  now(): Pick<LibraryStatus, 'models' | 'replaced'> {
    const now = Object.fromEntries(roles.map((role) => [role, this.serving(role)])) as Record<Role, Serving>;
    const of = (role: Role): { id: string; name: string } | null => {
      const { model } = now[role];
      return model && { id: model.id, name: model.name };
    };
    return {
      models: { search: of('search'), caption: of('caption'), chat: of('chat') },
      replaced: roles.flatMap((role) => (now[role].replaced ? { role, ...now[role].replaced } : [])),
    };
  }

  /** Why nothing can be found by what it shows, for people; null where it can. */
  get notice(): string | null {
    if (this.serving('search').model) return null;
    const damaged = this.#found.map((model) => this.#faultOf(model)).find((reason) => reason !== null);
    const why = damaged
      ? `The model cannot be used: ${damaged}`
      : `There is no model in ${this.#options.shipped}.`;
    return `${why} Photos can be browsed, but not searched by what they show.`;
  }

  /** Whether the model chosen for search has still to look at photos before it takes over. */
  get switching(): boolean {
    return modelChoices(this.#options.db).searching !== undefined;
  }

  /** Whether a model does something now, or is getting ready to. */
  inUse(dir: string | null): boolean {
    const { search } = modelChoices(this.#options.db);
    if (roles.some((role) => (this.serving(role).model?.dir ?? null) === dir)) return true;
    return this.#able(search, 'search')?.dir === dir;
  }

  /** Keeps a choice. One for search waits until it has seen what the model before it has seen. */
  async choose(db: WriteDb, role: Role, id: string): Promise<void> {
    const model = await this.named(id, role);
    const { searching, ...others } = modelChoices(db);
    const choices: ModelChoices = { ...others, ...(searching !== undefined && { searching }), [role]: id };
    if (role === 'search') {
      const before = this.serving('search').model;
      delete choices.searching;
      if (before && before.id !== id && unseenBy(db, model.version, before.version) > 0)
        choices.searching = before.id;
    }
    saveModelChoices(db, choices);
    this.#tell();
  }

  /** Lets the model chosen for search take over if nothing waits for it any more. */
  settle(db: WriteDb): boolean {
    const { searching, ...choices } = modelChoices(db);
    const next = this.#able(choices.search, 'search');
    if (searching === undefined || !next) return false;
    const before = this.#find(searching);
    if (before && unseenBy(db, next.version, before.version) > 0) return false;
    saveModelChoices(db, choices);
    this.#tell();
    return true;
  }

  /** The model that may be removed now, or the reason why not. */
  removable(id: string): Installed {
    const model = this.find(id);
    if (model.origin === 'shipped')
      throw new AppError('bad-request', `${model.name} came with Iris and stays. Only added models go.`);
    if (this.inUse(model.dir))
      throw new AppError('busy', `${model.name} is in use. Choose another model for its work first.`);
    return model;
  }

  /** Forgets a model whose folder is gone, with what it has seen and the choices that name it. */
  async forget(db: WriteDb, model: Installed): Promise<void> {
    const choices = Object.entries(modelChoices(db)).filter(([, id]) => id !== model.id);
    saveModelChoices(db, Object.fromEntries(choices));
    forgetModel(db, model.version);
    this.#checks.delete(model.dir);
    this.#faults.delete(model.dir);
    await this.look(false);
  }

  #find(id: string | undefined): Installed | undefined {
    return this.#found.find((model) => model.id === id);
  }

  #faultOf(model: Installed): string | null {
    return model.reason ?? this.#faults.get(model.dir) ?? null;
  }

  /** What keeps the model `id` from doing this; null where nothing does. */
  #cannot(id: string, ability: Ability): string | null {
    const model = this.#find(id);
    if (!model) return missing(id).reason;
    const fault = this.#faultOf(model);
    if (fault !== null) return fault;
    return model.can.includes(ability) ? null : `${model.name} cannot ${words[ability]}.`;
  }

  #able(id: string | undefined, ability: Ability): Usable | null {
    if (id === undefined || this.#cannot(id, ability) !== null) return null;
    return (this.#find(id) ?? null) as Usable | null;
  }

  /** This model, if it can do this, whether it does or not. Throws AppError('model'). */
  async named(id: string, ability: Ability): Promise<Usable> {
    const { can, name } = this.find(id);
    const model = this.#able(id, ability);
    if (model && (await this.#check(model)) === null) return model;
    const fault = this.#cannot(id, ability) ?? '';
    const able = can.length > 0 ? ` It can ${can.map((one) => words[one]).join(', ')}.` : '';
    throw new AppError('model', can.includes(ability) ? `${name}: ${fault}` : `${fault}${able}`);
  }

  #waiting({ id, version }: Installed): number | null {
    const { search, searching } = modelChoices(this.#options.db);
    const before = this.#find(searching);
    return search === id && before ? unseenBy(this.#options.db, version, before.version) : null;
  }

  #check(model: Usable): Promise<string | null> {
    const known = this.#checks.get(model.dir);
    if (known) return known;
    const check = verifyFiles(model.dir, model.manifest).then(() => null, reasonOf);
    this.#checks.set(model.dir, check);
    return check.then((reason) => {
      if (reason === null) this.#faults.delete(model.dir);
      else this.#faults.set(model.dir, reason);
      this.#tell();
      return reason;
    });
  }

  /** Says aloud what stands in for what, once, and that something has changed. */
  #tell(): void {
    const { models, replaced } = this.now();
    const told = JSON.stringify([models, replaced]);
    if (told === this.#told) return;
    for (const { role, id, reason } of replaced)
      log.warn(
        `The model ${id} was chosen for ${role}: ${reason} ${models[role]?.name ?? 'None'} does it now.`,
      );
    if (this.#told !== '') this.#options.onChange();
    this.#told = told;
  }
}

const words: Record<Ability, string> = {
  search: 'search',
  caption: 'write captions',
  ask: 'answer questions',
  chat: 'talk about photos',
  language: 'answer from words alone',
  match: 'tell how well a text fits a photo',
};

function missing(id: string): ModelInfo {
  const reason = `Its folder is gone. Add the model "${id}" again, or choose another.`;
  return { ...unknownFacts(id), state: 'missing', reason, origin: 'added', roles: [], waiting: null };
}
