/**
 * The one contract between the engine and everything that calls it: page, web host, CLI, Electron.
 *
 * Every method takes one plain object and returns a promise, or, for those named in `streams`, an
 * async iterable. All values are JSON-safe. Large bytes (thumbnails) travel by `photo id` on their
 * own route, never here.
 */
import { z } from 'zod';
import type { Catalogue } from './catalogue.ts';
import type {
  AskAnswer,
  CaptionAnswer,
  ChatEvent,
  Classification,
  Comparison,
  Day,
  Doctor,
  ExportReport,
  Facets,
  Folder,
  FolderListing,
  Job,
  LibraryEvent,
  LibraryStatus,
  ModelInfo,
  PhotoDetails,
  PhotoSummary,
  Place,
  Problem,
  Role,
  Root,
  SavedSearch,
  SearchAnswer,
  TextEntry,
} from './dto.ts';

export type * from './catalogue.ts';
export type * from './dto.ts';

const id = z.int().positive();
const text = z.string().max(20_000);
const ids = z.array(id).min(1).max(100_000);
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const word = z.string().trim().min(1).max(200);
/** A model by id, as `models` tells it; `captioner+language` answers from the first one's caption alone. */
const model = z.string().min(1).max(200);

/** What a server or hub asks for. */
const key = z.string().regex(/^[\x21-\x7e]{1,1000}$/, 'expected a key without blanks');

/** A photo of the library by id, or any file by its absolute path. */
export const photoRef = z.union([z.object({ id }), z.object({ path: z.string().min(1) })]);

/** Which photos: every condition given must hold. Dates are the camera's own days, both included. */
export const filter = z.object({
  root: id.optional(),
  /** The folder and those below it. */
  folder: z.string().optional(),
  from: day.optional(),
  to: day.optional(),
  camera: z.string().optional(),
  format: z.string().optional(),
  tag: z.string().optional(),
  located: z.boolean().optional(),
  captioned: z.boolean().optional(),
  /** Stars at least. */
  rating: z.int().min(1).max(5).optional(),
});

export const roles = ['search', 'caption', 'chat'] as const satisfies readonly Role[];

export const sorts = ['newest', 'oldest', 'name', 'rating', 'added'] as const;

/** What models run on; `auto` is what was proved to compute as the CPU does, and fastest. */
export const providerChoices = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

export const exportFormats = ['csv', 'jsonl', 'txt', 'xmp', 'html'] as const;
/** Columns of a table, in this order; `path` and `caption` are always there. */
export const exportFields = [
  'path',
  'caption',
  'source',
  'model',
  'takenAt',
  'size',
  'rating',
  'tags',
] as const;

/** The form of every method's argument: validated where a host takes a call from outside. */
export const schemas = {
  status: z.object({}),
  addFolder: z.object({ path: z.string().min(1) }),
  removeFolder: z.object({ id }),
  index: z.object({
    folders: z.array(z.string().min(1)).optional(),
    /** The photos that come with Iris, in place of `folders`. */
    samples: z.boolean().optional(),
    captions: z.boolean().optional(),
    /** Files that are missing were deleted on purpose, however many; a folder that is missing itself stays offline. */
    accept: z.boolean().optional(),
    /** Reads again what failed before. */
    retry: z.boolean().optional(),
    /** Looks with this model too, which need not search yet: to compare it, or to choose it without a wait. */
    model: model.optional(),
  }),
  problems: z.object({ offset: z.int().min(0), limit: z.int().min(1).max(1000) }),
  listFolder: z.object({ path: z.string().optional() }),
  jobs: z.object({}),
  cancel: z.object({ job: id }),
  pause: z.object({ job: id }),
  resume: z.object({ job: id }),
  photos: filter.extend({
    sort: z.enum(sorts).optional(),
    offset: z.int().min(0),
    limit: z.int().min(1).max(1000),
  }),
  shapes: filter.extend({ sort: z.enum(sorts).optional() }),
  timeline: filter,
  facets: filter,
  places: filter,
  folders: z.object({}),
  photo: z.object({ id }),
  search: z.object({
    query: text,
    filter: filter.optional(),
    limit: z.int().min(1).max(1000).optional(),
    /** Looks at the best few again by a model that tells how well a text fits a photo: this one, or `true` for any. */
    rerank: z.union([z.literal(true), model]).optional(),
  }),
  similar: z.object({
    /** A photo of the library, or the bytes of a picture in base64. */
    to: z.union([z.object({ id }), z.object({ image: z.base64().max(1_000_000) })]),
    filter: filter.optional(),
    limit: z.int().min(1).max(1000).optional(),
  }),
  searches: z.object({}),
  saveSearch: z.object({ name: word, query: text, filter }),
  removeSearch: z.object({ id }),
  judge: z.object({
    query: word,
    photos: z.array(photoRef).min(1).max(1000),
    /** Whether they are what was searched for; null takes back what was said. */
    good: z.boolean().nullable(),
  }),
  rate: z.object({ ids, rating: z.int().min(0).max(5) }),
  tag: z.object({ ids, add: z.array(word).max(50), remove: z.array(word).max(50) }),
  settings: z.object({}),
  saveSettings: z.object({
    key: z.enum(['language', 'theme', 'letters', 'recent', 'layout', 'provider']),
    value: z.json(),
  }),
  caption: z.object({ photo: photoRef, prompt: text.optional(), model: model.optional() }),
  writeCaption: z.object({ id, text }),
  ask: z.object({ photo: photoRef, question: text, model: model.optional() }),
  chat: z.object({
    photo: photoRef,
    text: text.optional(),
    again: z.boolean().optional(),
    /** Asks `text` in place of this question (0 is the first); what followed it is taken back. */
    edit: z.int().min(0).optional(),
    /** Asks `text` by itself: what was said before is not told, and nothing is kept. */
    alone: z.boolean().optional(),
    model: model.optional(),
  }),
  classify: z.object({
    photo: photoRef,
    labels: z.array(z.string().trim().min(1).max(1000)).min(1).max(1000),
    /** `{}` is replaced by the label; `{}` by default. */
    template: z.string().max(1000).includes('{}').optional(),
    /** The model that judges how likely the labels are, in place of the one chosen for captions. */
    model: model.optional(),
  }),
  clearChat: z.object({ id }),
  export: z.object({
    format: z.enum(exportFormats),
    out: z.string().min(1).optional(),
    /** Only these photos; all captioned ones without it. */
    ids: ids.optional(),
    fields: z.array(z.enum(exportFields)).min(1).optional(),
    /** Writes nothing and says what would be written. */
    dryRun: z.boolean().optional(),
  }),
  models: z.object({
    /** Compares the hashes of all files, which takes seconds for a gigabyte; sizes only without it. */
    verify: z.boolean().optional(),
    /** Only this one. */
    id: model.optional(),
  }),
  addModel: z.object({
    folder: z.string().min(1),
    /** Of a folder in the form of onnx-community: the precision to take, such as `q4`, or one for each part. */
    dtype: z.string().min(1).max(500).optional(),
  }),
  connectModel: z.object({
    address: z.string().min(1).max(2000),
    model: word,
    /** Agrees that photos leave this machine, where the address is another's. */
    remote: z.boolean().optional(),
    /** What the server asks for; it is kept for its owner's eyes only, and no call gives it back. */
    key: key.optional(),
    /** The environment variable that holds the key, in place of `key`. */
    keyVariable: z
      .string()
      .regex(/^\w{1,100}$/)
      .optional(),
  }),
  catalogue: z.object({}),
  /** The key is for the hub alone and is not kept. */
  downloadModel: z.object({ id: model, key: key.optional() }),
  discardDownload: z.object({ id: model }),
  removeModel: z.object({ id: model }),
  useModel: z.object({ role: z.enum(roles), id: model }),
  compareModels: z.object({ ids: z.tuple([model, model]) }),
  licence: z.object({ id: model }),
  doctor: z.object({}),
  events: z.object({}),
} as const;

export type Method = keyof typeof schemas;
export type Args<M extends Method> = z.infer<(typeof schemas)[M]>;
export type PhotoRef = z.infer<typeof photoRef>;
export type ExportFormat = (typeof exportFormats)[number];
export type ExportField = (typeof exportFields)[number];
export type Filter = z.infer<typeof filter>;
export type Sort = (typeof sorts)[number];
export type SettingKey = Args<'saveSettings'>['key'];
export type Settings = Partial<Record<SettingKey, Args<'saveSettings'>['value']>>;

/** Methods that answer with many values. */
export const streams = ['chat', 'events'] as const satisfies readonly Method[];
export type StreamMethod = (typeof streams)[number];

export interface Api {
  status(args: Args<'status'>): Promise<LibraryStatus>;
  addFolder(args: Args<'addFolder'>): Promise<Root>;
  removeFolder(args: Args<'removeFolder'>): Promise<void>;
  /** Starts a job that scans, embeds and captions; follow it through `events`. */
  index(args: Args<'index'>): Promise<Job>;
  jobs(args: Args<'jobs'>): Promise<Job[]>;
  cancel(args: Args<'cancel'>): Promise<void>;
  /** Holds a running job between two photos; `resume` lets it go on. */
  pause(args: Args<'pause'>): Promise<void>;
  resume(args: Args<'resume'>): Promise<void>;
  photos(args: Args<'photos'>): Promise<{ total: number; photos: PhotoSummary[] }>;
  /** The shape of every photo in order (see shapes.ts), a byte each, in base64. */
  shapes(args: Args<'shapes'>): Promise<string>;
  /** Photos of each day, newest day first. */
  timeline(args: Args<'timeline'>): Promise<Day[]>;
  /** What the photos that pass the filter could be filtered by further. */
  facets(args: Args<'facets'>): Promise<Facets>;
  /** Photos with coordinates, at most 5,000. */
  places(args: Args<'places'>): Promise<Place[]>;
  /** Files that were left out or could not be read, failures first. */
  problems(args: Args<'problems'>): Promise<{ total: number; problems: Problem[] }>;
  /** Folders inside a folder of this computer's home, for a picker; the home folder itself without a path. */
  listFolder(args: Args<'listFolder'>): Promise<FolderListing>;
  folders(args: Args<'folders'>): Promise<Folder[]>;
  photo(args: Args<'photo'>): Promise<PhotoDetails>;
  /** With `rerank` it takes a look at each of the best photos, as a job whose progress `events` tells. */
  search(args: Args<'search'>, signal?: AbortSignal): Promise<SearchAnswer>;
  /** Photos that look like one, best first. */
  similar(args: Args<'similar'>): Promise<SearchAnswer>;
  searches(args: Args<'searches'>): Promise<SavedSearch[]>;
  saveSearch(args: Args<'saveSearch'>): Promise<SavedSearch>;
  removeSearch(args: Args<'removeSearch'>): Promise<void>;
  /** A person's thumbs up or down: what `compareModels` measures models by. */
  judge(args: Args<'judge'>): Promise<void>;
  /** A person's stars; 0 takes them back, also where the file carries some. */
  rate(args: Args<'rate'>): Promise<void>;
  tag(args: Args<'tag'>): Promise<void>;
  settings(args: Args<'settings'>): Promise<Settings>;
  saveSettings(args: Args<'saveSettings'>): Promise<void>;
  caption(args: Args<'caption'>, signal?: AbortSignal): Promise<CaptionAnswer>;
  writeCaption(args: Args<'writeCaption'>): Promise<TextEntry>;
  ask(args: Args<'ask'>, signal?: AbortSignal): Promise<AskAnswer>;
  /** Ends the stream early to stop the answer; what was said so far is kept. */
  chat(args: Args<'chat'>, signal?: AbortSignal): AsyncIterable<ChatEvent>;
  /** Which of some labels fit a photo, by embeddings and by how likely the labels are as its captions. */
  classify(args: Args<'classify'>, signal?: AbortSignal): Promise<Classification>;
  clearChat(args: Args<'clearChat'>): Promise<void>;
  export(args: Args<'export'>, signal?: AbortSignal): Promise<ExportReport>;
  models(args: Args<'models'>): Promise<ModelInfo[]>;
  /**
   * Copies the model in a folder into the library, as a job; what is not as its `model.json` says is refused. A folder
   * in the form of onnx-community has none: it is read by its `config.json`, and one is made of it for the copy.
   */
  addModel(args: Args<'addModel'>, signal?: AbortSignal): Promise<ModelInfo>;
  /**
   * Adds a model behind an OpenAI-compatible server. Nothing is sent yet. Throws AppError('bad-request') for an
   * address that is no http(s) address, or another machine's without `remote`.
   */
  connectModel(args: Args<'connectModel'>): Promise<ModelInfo>;
  /** What can be downloaded, and from where; nothing is asked of the network for it. */
  catalogue(args: Args<'catalogue'>): Promise<Catalogue>;
  /** Downloads a model of the catalogue as a job; what an earlier one left unfinished goes on. */
  downloadModel(args: Args<'downloadModel'>): Promise<Job>;
  /** Deletes what an unfinished download left. */
  discardDownload(args: Args<'discardDownload'>): Promise<void>;
  /** Deletes the library's copy of a model that was added and does nothing now. */
  removeModel(args: Args<'removeModel'>): Promise<void>;
  /**
   * Chooses a model. One for search takes over when it has looked at every photo that the one before it knows:
   * the job that makes it look is given, or null where nothing waits.
   */
  useModel(args: Args<'useModel'>): Promise<Job | null>;
  /**
   * Which of two models finds better what this person searches for: by their thumbs, over an index of each.
   * Throws AppError('model') where one has not looked at every photo yet; `index` with `model` lets it.
   */
  compareModels(args: Args<'compareModels'>): Promise<Comparison>;
  /** The text of a model's licence. */
  licence(args: Args<'licence'>): Promise<{ text: string }>;
  doctor(args: Args<'doctor'>): Promise<Doctor>;
  events(args: Args<'events'>, signal?: AbortSignal): AsyncIterable<LibraryEvent>;
}

/** What a host holds: the contract, plus bytes and an orderly end. */
export interface Engine extends Api {
  /** The photo's upright JPEG thumbnail, longest side at most 720 px. */
  thumbnail(photoId: number): Promise<Uint8Array | undefined>;
  /** The photo for looking at closely: an upright JPEG decoded now, longest side at most 4096 px. */
  picture(photoId: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
