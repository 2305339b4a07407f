/** Which made-up photos pass a filter, and in which order they come. */
import type { Filter, PhotoDetails, Sort } from '../../src/shared/contract.ts';

export function passes(photo: PhotoDetails, filter: Filter): boolean {
  const day = photo.takenAt.slice(0, 10);
  const { metadata } = photo;
  return (
    (filter.root === undefined || photo.id % 2 === filter.root % 2) &&
    (filter.from === undefined || day >= filter.from) &&
    (filter.to === undefined || day <= filter.to) &&
    (filter.camera === undefined || metadata.camera === filter.camera) &&
    (filter.format === undefined || metadata.format === filter.format) &&
    (filter.tag === undefined || photo.tags.includes(filter.tag)) &&
    (filter.located === undefined || (metadata.latitude !== null) === filter.located) &&
    (filter.captioned === undefined || (photo.caption !== null) === filter.captioned) &&
    (filter.rating === undefined || photo.rating >= filter.rating)
  );
}

/** The made-up library is newest first as it stands. */
export function inOrder(photos: readonly PhotoDetails[], sort: Sort = 'newest'): PhotoDetails[] {
  if (sort === 'newest') return [...photos];
  if (sort === 'oldest') return photos.toReversed();
  if (sort === 'name') return photos.toSorted((a, b) => a.name.localeCompare(b.name));
  return photos.toSorted((a, b) => (sort === 'rating' ? b.rating - a.rating : b.id - a.id));
}
