/** Before the tests that start engines: their lanes run as they were built, which starts sooner, unless their source is newer. */
import path from 'node:path';
import { places } from '../src/main/lib/places.ts';
import { isBuilt } from './built.ts';

if (await isBuilt('dist/main', 'src/main', 'src/shared'))
  places.computeEntry = path.join(places.root, 'dist/main/child.js');
