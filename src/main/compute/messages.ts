/** What the compute lanes answer: plain interfaces whose calls travel as messages. */
import type { Api, Filter, PhotoMetadata, Root, SearchAnswer } from '../../shared/contract.ts';
import type { Calibration } from '../inference/families/dual-encoder.ts';
import type { Generated, Preprocess, Prompt, Scored } from '../inference/model.ts';
import type { Probe } from '../inference/provider.ts';
import type { Counts } from '../store/browse.ts';
import { splitRelative } from '../lib/paths.ts';

/** A file to be read. `path` is raw bytes; `id` comes back in the answers. */
export interface FileToRead {
  id: number;
  path: Uint8Array;
  name: string;
}

/** A file by its path alone; with an id where an answer has to name it. */
export function fileAt(path: Uint8Array, id = 0): FileToRead {
  return { id, path, name: splitRelative(path).name };
}

/** What a file is by its content, before anything is decoded. */
export type Identified =
  | { id: number; kind: 'photo'; hash: Uint8Array }
  | { id: number; kind: 'skipped' | 'failed'; reason: string };

export interface PhotoToSee extends FileToRead {
  /** The picture's hash when it was last seen: if it still holds, the model need not run again. */
  knownPixels: Uint8Array | null;
}

export interface SeenPhoto {
  id: number;
  pixelHash: Uint8Array;
  width: number;
  height: number;
  colour: string;
  takenAt: string;
  metadata: PhotoMetadata;
  thumbnail: Uint8Array;
  /** Float16 bytes; null where the picture is unchanged or no model was asked for. */
  vector: Uint8Array | null;
  prefix: Uint8Array | null;
  /** Size and modification time (microseconds) after reading: a file still being written differs. */
  size: number;
  mtimeUs: number;
}

/**
 * `started` and `decoded` enclose the risky part; `model` says when the model begins and ends a pass, in
 * which nothing is decoded; a batch of photos comes when the model has seen it.
 */
export type IndexEvent =
  | { id: number; kind: 'started' | 'decoded' }
  | { id: number; kind: 'failed'; reason: string }
  | { kind: 'model'; running: boolean }
  | { kind: 'photos'; photos: SeenPhoto[] };

export interface IndexLane {
  /** Type and SHA-256 of each file, reading it once. */
  identify(args: { files: FileToRead[] }): Promise<Identified[]>;
  /** Decodes each photo once, for thumbnail and model both; `model` asks for the vision pass. */
  process(args: { files: PhotoToSee[]; model: boolean }, signal?: AbortSignal): AsyncIterable<IndexEvent>;
  /** A photo as a model wants it, which need not be this process's: for one that has no prefix kept. */
  pixels(args: { file: FileToRead; preprocess: Preprocess }): Promise<Uint8Array>;
  /** The upright size of a photo. */
  size(args: { file: FileToRead }): Promise<{ width: number; height: number }>;
  /** A photo for looking at closely: an upright sRGB JPEG, never the original bytes. */
  picture(args: { file: FileToRead }): Promise<Uint8Array>;
  /** What the model sees in a file, or in a picture that is none: its vector as float16 bytes. */
  embed(args: { file: FileToRead } | { image: Uint8Array }): Promise<Uint8Array>;
}
export const indexStreams = ['process'] as const;

/** A photo of the library, or the float16 vector of another picture. */
export type Likeness = { id: number } | { vector: Uint8Array };

export interface SearchLane {
  search(args: { query: string; filter?: Filter | undefined; limit: number }): Promise<SearchAnswer>;
  /** The photos that show most of what the words say, best first, whatever their captions and names say. */
  looks(args: { query: string; filter?: Filter | undefined; limit: number }): Promise<number[]>;
  /** Photos by how much they look like one, which is left out itself. */
  similar(args: { to: Likeness; filter?: Filter | undefined; limit: number }): Promise<SearchAnswer>;
  /** How well texts fit a photo's vector (float16 bytes); null where nothing says how likely a cosine makes them. */
  compare(args: { vector: Uint8Array; texts: string[] }, signal?: AbortSignal): Promise<Compared | null>;
  /** Takes in embeddings written since; `rebuild` when photos went or came back. */
  refresh(args: { rebuild: boolean }): Promise<{ searchable: number }>;
}

export interface Compared {
  cosines: number[];
  probabilities: number[];
  by: Calibration;
}

export const searchStreams = [] as const;

/** What a large library takes long to say. `model` is a version: which photos count as searchable. */
export interface BrowseLane extends Pick<
  Api,
  'photos' | 'shapes' | 'timeline' | 'facets' | 'places' | 'folders'
> {
  status(args: { model: string | null }): Promise<Counts & { roots: Root[] }>;
}

/** What the model looks at: prefix and vector kept from indexing, in float16, or pixels at its own size. */
export type Look = { prefix: Uint8Array; vector?: Uint8Array | undefined } | { pixels: Uint8Array };

export type GenerateEvent = { type: 'delta'; text: string } | { type: 'done'; result: Generated };

export interface GenerateLane {
  /** One answer, streamed. Goes ahead of captions that wait. */
  generate(args: { look: Look; prompt: Prompt }, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Captions of several photos in one batch, when nobody is waiting for an answer. */
  captions(args: { looks: Look[] }): Promise<Generated[]>;
  /** How likely texts are for a photo, and without it; null where the model writes and cannot tell. */
  score(args: { look: Look; texts: string[] }, signal?: AbortSignal): Promise<Judged | null>;
  /** How well a text fits a photo. Throws AppError('model') where the model cannot tell. */
  fit(args: { look: Look; text: string }, signal?: AbortSignal): Promise<Fit>;
}

/** 0 to 1: the probability that they match, or the geometric mean of the probabilities of the text's tokens. */
export interface Fit {
  by: 'match' | 'likelihood';
  value: number;
}

/** Likelihoods of texts, and what stood in the photo's place for their priors where the model has no own. */
export interface Judged {
  texts: Required<Scored>[];
  prior: 'no photo' | 'grey photo';
  /** log p(photo | text) for each text, where the model can tell. */
  photo: number[] | null;
}
export const generateStreams = ['generate'] as const;

/** Tries one provider in a process that may die of it. */
export interface ProbeLane {
  /** Providers of the installed runtime in the order to try, cpu last. */
  providers(args: object): Promise<string[]>;
  /** Its timed proof against the CPU, for the provider that the process was started with. */
  probe(args: object): Promise<Probe>;
}

/** What a child is told on its command line. */
export interface LaneConfig {
  lane: 'index' | 'search' | 'browse' | 'generate' | 'probe';
  library: string;
  /** Null: there is none; decoding and full-text search still work. */
  modelDir: string | null;
  provider: string;
  threads: number;
  maxRssMb: number;
}

/** A child ends itself with this code when its memory passes `maxRssMb`. */
export const rssExitCode = 86;

/** And with this one when its provider gives numbers that are none. */
export const faultExitCode = 87;
