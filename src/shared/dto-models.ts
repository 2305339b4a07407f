/** What calls say of models compared, and of this installation: plain, JSON-safe. */
import type { ModelInfo } from './dto.ts';

/** Places that recall is measured at. */
export type RecallAt = 1 | 5 | 10;

/** Two models over a person's own searches, by what the photos show: words of captions and names are left out. */
export interface Comparison {
  /** Searches with a photo that a person said is right, such photos, and those they said are wrong. */
  searches: number;
  photos: number;
  refused: number;
  /** Saved searches that nobody judged: they count for `alike` alone. */
  unjudged: number;
  /** How much of the two first tens is the same, 0 to 1, over all these searches; null without any. */
  alike: number | null;
  /** In the order in which they were named. */
  models: {
    id: string;
    name: string;
    /** Of the right photos the share among the first k (of k at most), the mean over the searches; null without any. */
    recall: Record<RecallAt, number> | null;
    /** How many of the wrong photos are among the first ten. */
    wrong: number;
  }[];
  /** The model that is better beyond chance (sign test over searches, p below 0.05); null where that cannot be told. */
  better: string | null;
  /** Searches that the first or the second model did better, and how likely such a split is by chance. */
  wins: [number, number];
  p: number;
  /** Each judged search: how many right photos, and each model's recall among the first ten. */
  each: { query: string; photos: number; recall: [number, number] }[];
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
