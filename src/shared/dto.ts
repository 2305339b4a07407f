/** The values that calls of the contract carry: plain, JSON-safe. */
import type { Filter } from './contract.ts';

export type * from './dto-models.ts';

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
  /** Which model does what now; null where none can. */
  models: Record<Role, { id: string; name: string } | null>;
  /** Models that were chosen and cannot do it now: another does it instead, or none. */
  replaced: { role: Role; id: string; reason: string }[];
  /** A GPU that was to run this model and does not, and why; null where there is none. The CPU runs it. */
  demoted: { model: string; provider: string; reason: string } | null;
  /** False where another process holds the library and this one only reads. */
  writable: boolean;
  /** Why there is no model that can search, for the page to show. */
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
  /** Stars: a person's, else the file's own, else 0. */
  rating: number;
}

export interface FileInfo extends FilePath {
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
  /** Of a model that tells what is where. */
  boxes?: Found[];
}

/** Something in a photo, and where: left, top, right and bottom in pixels of the upright original. */
export interface Found {
  label: string;
  box: [number, number, number, number];
}

export interface ChatMessage {
  role: 'user' | 'assistant';
  text: string;
  model: string | null;
  /** For an assistant's message: the exact text that went to the model beside the picture. */
  sent: string | null;
  /** What it read in place of the photo, where it answered from another model's caption. */
  caption?: string;
  createdAt: string;
  /** The likeliest first, where the model chose among answers that it knows. */
  answers?: KnownAnswer[];
  sureness?: Sureness;
  boxes?: Found[];
}

export interface PhotoDetails extends PhotoSummary {
  files: FileInfo[];
  metadata: PhotoMetadata;
  tags: string[];
  captions: TextEntry[];
  chat: ChatMessage[];
  reason: string | null;
}

export interface Why {
  kind: 'looks' | 'caption' | 'name' | 'chat' | 'match';
  /** The similarity for `looks`, how well it fits (0 to 1) for `match`, else the words that matched. */
  detail: string;
}

export interface SearchHit extends FilePath {
  photo: PhotoSummary;
  score: number;
  why: Why[];
  /** Above the divider between likely and weaker matches. */
  likely: boolean;
  /** Whether a person said that it is what they searched for with these words. */
  good?: boolean;
}

export interface SearchAnswer {
  query: string;
  /** What a model that reads English only was given for a query in Chinese: its words, one by one. */
  gloss?: string;
  hits: SearchHit[];
  /** Photos that could be found by what they show, and those still waiting for it. */
  searchable: number;
  waiting: number;
}

/** A file as it is shown, and its name's raw bytes as `Root` has them. */
interface FilePath {
  path: string;
  pathBytes?: string;
}

export interface CaptionAnswer extends FilePath {
  caption: string;
  model: string;
  /** What is where, of a model that tells it. */
  boxes?: Found[];
}

/** One of the answers that a model knows, with its probability among them, 0 to 1. */
export interface KnownAnswer {
  text: string;
  probability: number;
}

/** How often answers given with such confidence were right, on questions the model was not trained on. */
export interface Sureness {
  /** 0 to 1 */
  probability: number;
  /** False: the answer is to be shown as a guess. */
  sure: boolean;
}

export interface AskAnswer extends FilePath {
  question: string;
  answer: string;
  model: string;
  /** Geometric mean of the token probabilities, 0 to 1, as the model itself gives them. */
  confidence: number;
  /** The likeliest first, where the model chooses among answers that it knows. */
  answers?: KnownAnswer[];
  /** Where it was measured for the model. */
  sureness?: Sureness;
  /** What a model that reads English only was given for a question in Chinese. */
  gloss?: string;
  boxes?: Found[];
}

/** How well a label fits a photo, by two kinds of model; null where there is no model of the kind. */
export interface LabelFit {
  label: string;
  /** What was compared: the label in its template. */
  text: string;
  /** Cosine of the embeddings, -1 to 1, and the probability that it gives. */
  cosine: number | null;
  zeroShot: number | null;
  /** log p(text | photo), natural, and its softmax over the labels. */
  logLikelihood: number | null;
  generative: number | null;
  /** log p(text) without the photo, and the softmax of what the photo adds to it. */
  logPrior: number | null;
  withoutPrior: number | null;
  /** log p(photo | text) of a model whose photos are tokens, and its softmax over the labels. */
  logPhoto: number | null;
  photoGiven: number | null;
}

export interface Classification extends FilePath {
  /** In the order in which they were given, each once. */
  labels: LabelFit[];
  /**
   * How cosines became probabilities: softmax over the labels, or each by itself (sigmoid), of cosine * scale +
   * bias, as the model says, or by its similarity of unrelated pairs.
   */
  zeroShot: {
    model: string;
    activation: 'softmax' | 'sigmoid';
    scale: number;
    bias: number;
    from: 'model' | 'relevance';
  } | null;
  /** What stood in the photo's place for `logPrior`: the model's own way without one, or else a grey photo. */
  generative: { model: string; prior: 'no photo' | 'grey photo' } | null;
}

export type ChatEvent =
  | { type: 'delta'; text: string }
  | { type: 'done'; message: ChatMessage; droppedTurns: number; gloss?: string };

export interface FileReason extends FilePath {
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
  /** What is done, in photos; for `model`, which brings one into the library, in bytes. */
  kind: 'index' | 'export' | 'model' | 'rerank';
  /** The id of the model that is downloaded. */
  model?: string;
  state: 'running' | 'paused' | 'done' | 'cancelled' | 'failed';
  phase: 'scan' | 'index' | 'caption' | 'export' | 'copy' | 'download' | 'match' | 'finished';
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
  /** For a dry run: the beginning of the first file, at most 4,000 characters. */
  preview: string | null;
}

/** What a person chooses a model for: `chat` also answers single questions. */
export type Role = 'search' | 'caption' | 'chat';

export interface ModelInfo {
  id: string;
  version: string;
  name: string;
  summary: string;
  license: string;
  bytes: number;
  memoryMb: number;
  /** `language`: can answer from words alone, after another model's caption. `match`: tells how well a text fits a photo. */
  can: ('search' | 'caption' | 'ask' | 'chat' | 'language' | 'match')[];
  /** The address that a photo is sent to when this model is asked about it; null for one that runs here. */
  sends: string | null;
  /** `missing`: it was chosen for something, and its folder is gone. */
  state: 'ready' | 'damaged' | 'missing';
  reason: string | null;
  /** Came with Iris, or was added by a person, who may remove it again. */
  origin: 'shipped' | 'added';
  /** What it does now. */
  roles: Role[];
  /** Chosen for search, but so many photos wait for it to look at them, and until then another searches; else null. */
  waiting: number | null;
}

/** `photos` says that so many have been changed by a person, in whichever window; `models`, that one came, went or took over. */
export type LibraryEvent = { type: 'job'; job: Job } | { type: 'photos'; count: number } | { type: 'models' };

export interface Day {
  /** `YYYY-MM-DD` as the camera wrote it; '' for photos without a date. */
  day: string;
  photos: number;
}

/** A value that photos share, and how many do, commonest first. */
export interface Facet {
  value: string;
  photos: number;
}

export interface Facets {
  years: Facet[];
  cameras: Facet[];
  formats: Facet[];
  tags: Facet[];
  /** Photos with at least so many stars, by stars 1 to 5. */
  ratings: number[];
  located: number;
  captioned: number;
}

export interface Place {
  id: number;
  latitude: number;
  longitude: number;
}

export interface Problem extends FileReason {
  kind: 'skipped' | 'failed';
}

export interface FolderListing {
  path: string;
  /** Null at the home folder, above which nothing is shown. */
  parent: string | null;
  folders: { name: string; path: string }[];
  /** Photos by name directly inside. */
  photos: number;
}

export interface SavedSearch {
  id: number;
  name: string;
  query: string;
  filter: Filter;
}
