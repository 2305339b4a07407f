/** What is known of a JPEG whose EXIF block says nothing. */
import { noMetadata } from '../src/main/store/browse.ts';

export const plainMetadata = { ...noMetadata, format: 'jpeg' };
