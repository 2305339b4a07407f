/** What can be downloaded, as a person is told of it before anything is asked of the network. */
import type { ModelInfo } from './dto.ts';

/** A text in the languages of the page. */
export interface Both {
  en: string;
  zh: string;
}

export interface CatalogueModel extends Pick<ModelInfo, 'id' | 'name' | 'license' | 'memoryMb' | 'can'> {
  does: Both;
  /** For whom it is. */
  suits: Both;
  /** `owner/name` at the hub, and the commit that was seen there, if one was. */
  repository: string;
  revision: string | null;
  /** About so much is downloaded. */
  bytes: number;
  /** Which of these facts were not seen where they are published. */
  unseen: string[];
  /** Why it cannot be downloaded and run, and what to do; null where it can. */
  cannot: Both | null;
  /** A model with this id is in the library. */
  here: boolean;
  /** Bytes of a download that has not come to its end. */
  kept: number;
}

export interface Catalogue {
  /** The address that a download connects to; nothing else of Iris does. */
  hub: string;
  models: CatalogueModel[];
}
