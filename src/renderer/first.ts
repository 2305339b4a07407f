/** Imported before all else: the first answers come while the rest of the page's code is still read. */
import { askAhead } from './lib/api.ts';
import { blockSize } from './state/layout.ts';

askAhead(blockSize);
