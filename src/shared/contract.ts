/**
 * The one contract between the engine and everything that calls it: page, web host, CLI, Electron.
 *
 * Every method takes one plain object and returns a promise, or, for those named in `streams`, an
 * async iterable. All values are JSON-safe. Large bytes (thumbnails) travel by `photo id` on their
 * own route, never here.
 */
import { z } from 'zod';

const id = z.int().positive();
const text = z.string().max(20_000);

/** A photo of the library by id, or any file by its absolute path. */
export const photoRef = z.union([z.object({ id }), z.object({ path: z.string().min(1) })]);

export const exportFormats = ['csv', 'jsonl', 'txt', 'xmp', 'html'] as const;

/** The form of every method's argument: validated where a host takes a call from outside. */
export const schemas = {
  status: z.object({}),
  addFolder: z.object({ path: z.string().min(1) }),
  removeFolder: z.object({ id }),
  index: z.object({ folders: z.array(z.string().min(1)).optional(), captions: z.boolean().optional() }),
  jobs: z.object({}),
  cancel: z.object({ job: id }),
  photos: z.object({
    root: id.optional(),
    folder: z.string().optional(),
    offset: z.int().min(0),
    limit: z.int().min(1).max(1000),
  }),
  folders: z.object({}),
  photo: z.object({ id }),
  search: z.object({ query: text, limit: z.int().min(1).max(1000).optional() }),
  caption: z.object({ photo: photoRef, prompt: text.optional() }),
  writeCaption: z.object({ id, text }),
  ask: z.object({ photo: photoRef, question: text }),
  chat: z.object({ photo: photoRef, text: text.optional(), again: z.boolean().optional() }),
  clearChat: z.object({ id }),
  export: z.object({ format: z.enum(exportFormats), out: z.string().min(1).optional() }),
  models: z.object({}),
  doctor: z.object({}),
  events: z.object({}),
} as const;

export type Method = keyof typeof schemas;
export type Args<M extends Method> = z.infer<(typeof schemas)[M]>;
export type PhotoRef = z.infer<typeof photoRef>;
export type ExportFormat = (typeof exportFormats)[number];

/** Methods that answer with many values. */
export const streams = ['chat', 'events'] as const satisfies readonly Method[];
export type StreamMethod = (typeof streams)[number];

export interface Root {
  id: number;
  path: string;
  /** Unpadded base64 of the raw bytes, only where the path is not UTF-8. */
  pathBytes?: string;
  state: 'online' | 'offline';
  photos: number;
}

export interface Folder {
  root: number;
  /** Relative to the root, '' for the root itself, '/' between parts. */
  folder: string;
  photos: number;
}

export interface LibraryStatus {
  library: string;
  photos: number;
  searchable: number;
  captioned: number;
  failed: number;
  roots: Root[];
  model: { id: string; name: string } | null;
  /** False where another process holds the library and this one only reads. */
  writable: boolean;
  /** A reason why something is missing (a model, a writer), for the page to show. */
  notice: string | null;
}

export interface PhotoSummary {
  id: number;
  name: string;
  /** Upright size in pixels; 0 until the photo has been decoded. */
  width: number;
  height: number;
  /** Wall-clock time as the camera wrote it, `YYYY-MM-DDTHH:MM:SS`, or the file's time. */
  takenAt: string;
  /** Mean colour `#rrggbb`, shown until the thumbnail is there. */
  colour: string;
  caption: string | null;
  /** `waiting` is browsable by name only; `failed` carries its reason in the details. */
  state: 'ready' | 'waiting' | 'failed';
}

export interface FileInfo {
  path: string;
  pathBytes?: string;
  bytes: number;
  modifiedAt: string;
  present: boolean;
}

export interface PhotoMetadata {
  format: string | null;
  /** UTC offset such as `+02:00` where the camera wrote one. */
  offset: string | null;
  camera: string | null;
  lens: string | null;
  latitude: number | null;
  longitude: number | null;
  /** EXIF orientation 1 to 8 as stored; the thumbnail is upright already. */
  orientation: number;
  exposure: string | null;
  aperture: number | null;
  iso: number | null;
  focalLength: number | null;
  rating: number | null;
}

/** One entry of the ledger of texts about a photo. A person's entries are never replaced. */
export interface TextEntry {
  text: string;
  source: 'person' | 'model';
  model: string | null;
  prompt: string | null;
  createdAt: string;
}

export interface ChatMessage {
  role: 'user' | 'assistant';
  text: string;
  model: string | null;
  /** For an assistant's message: the exact text that went to the model beside the picture. */
  sent: string | null;
  createdAt: string;
}

export interface PhotoDetails extends PhotoSummary {
  files: FileInfo[];
  metadata: PhotoMetadata;
  captions: TextEntry[];
  chat: ChatMessage[];
  reason: string | null;
}

export interface Why {
  kind: 'looks' | 'caption' | 'name' | 'chat';
  /** The similarity for `looks`, else the words that matched. */
  detail: string;
}

export interface SearchHit {
  photo: PhotoSummary;
  path: string;
  pathBytes?: string;
  score: number;
  why: Why[];
  /** Above the divider between likely and weaker matches. */
  likely: boolean;
}

export interface SearchAnswer {
  query: string;
  hits: SearchHit[];
  /** Photos that could be found by what they show, and those still waiting for it. */
  searchable: number;
  waiting: number;
}

export interface CaptionAnswer {
  path: string;
  pathBytes?: string;
  caption: string;
  model: string;
}

export interface AskAnswer {
  path: string;
  pathBytes?: string;
  question: string;
  answer: string;
  model: string;
  /** Geometric mean of the token probabilities, 0 to 1, as the model itself gives them. */
  confidence: number;
}

export type ChatEvent =
  { type: 'delta'; text: string } | { type: 'done'; message: ChatMessage; droppedTurns: number };

export interface FileReason {
  path: string;
  pathBytes?: string;
  reason: string;
}

export interface IndexReport {
  photos: number;
  indexed: number;
  unchanged: number;
  skipped: FileReason[];
  failed: FileReason[];
  seconds: number;
}

export interface Job {
  id: number;
  kind: 'index';
  state: 'running' | 'done' | 'cancelled' | 'failed';
  phase: 'scan' | 'index' | 'caption' | 'finished';
  done: number;
  total: number;
  /** Items a second over the last ten seconds; 0 until known. */
  rate: number;
  /** Seconds left by that rate; null until known. */
  secondsLeft: number | null;
  report: IndexReport | null;
  error: string | null;
}

export interface ExportReport {
  written: string[];
  skipped: FileReason[];
  failed: FileReason[];
}

export interface ModelInfo {
  id: string;
  version: string;
  name: string;
  summary: string;
  license: string;
  bytes: number;
  memoryMb: number;
  can: ('search' | 'caption' | 'ask' | 'chat')[];
  state: 'ready' | 'damaged';
  reason: string | null;
}

export interface Doctor {
  versions: Record<string, string>;
  library: { path: string; schema: number; integrity: string; bytes: Record<string, number> };
  counts: { photos: number; searchable: number; captioned: number; failed: number };
  /** Each provider that was tried, with its timed proof. */
  providers: {
    name: string;
    used: boolean;
    imagesPerSecond: number | null;
    /** Cosine of its embeddings with the CPU's. */
    cosine: number | null;
    reason: string | null;
  }[];
  models: ModelInfo[];
  connections: string;
  ok: boolean;
}

export type LibraryEvent = { type: 'job'; job: Job } | { type: 'photos'; count: number };

export interface Api {
  status(args: Args<'status'>): Promise<LibraryStatus>;
  addFolder(args: Args<'addFolder'>): Promise<Root>;
  removeFolder(args: Args<'removeFolder'>): Promise<void>;
  /** Starts a job that scans, embeds and captions; follow it through `events`. */
  index(args: Args<'index'>): Promise<Job>;
  jobs(args: Args<'jobs'>): Promise<Job[]>;
  cancel(args: Args<'cancel'>): Promise<void>;
  photos(args: Args<'photos'>): Promise<{ total: number; photos: PhotoSummary[] }>;
  folders(args: Args<'folders'>): Promise<Folder[]>;
  photo(args: Args<'photo'>): Promise<PhotoDetails>;
  search(args: Args<'search'>): Promise<SearchAnswer>;
  caption(args: Args<'caption'>, signal?: AbortSignal): Promise<CaptionAnswer>;
  writeCaption(args: Args<'writeCaption'>): Promise<TextEntry>;
  ask(args: Args<'ask'>, signal?: AbortSignal): Promise<AskAnswer>;
  /** Ends the stream early to stop the answer; what was said so far is kept. */
  chat(args: Args<'chat'>, signal?: AbortSignal): AsyncIterable<ChatEvent>;
  clearChat(args: Args<'clearChat'>): Promise<void>;
  export(args: Args<'export'>, signal?: AbortSignal): Promise<ExportReport>;
  models(args: Args<'models'>): Promise<ModelInfo[]>;
  doctor(args: Args<'doctor'>): Promise<Doctor>;
  events(args: Args<'events'>, signal?: AbortSignal): AsyncIterable<LibraryEvent>;
}

/** What a host holds: the contract, plus bytes and an orderly end. */
export interface Engine extends Api {
  /** The photo's upright JPEG thumbnail, longest side at most 720 px. */
  thumbnail(photoId: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
