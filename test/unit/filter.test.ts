import { describe, expect, it } from 'vitest';
import type { Filter } from '../../src/shared/contract.ts';
import { setPresent } from '../../src/main/store/files.ts';
import { photoIds } from '../../src/main/store/filter.ts';
import { writeCaption } from '../../src/main/store/texts.ts';
import { photoLibrary } from './store-helpers.ts';

describe('a filter', () => {
  const { db, ids, root } = photoLibrary({
    'a.jpg': { takenAt: '2020-05-01T23:59:59', camera: 'Canon', rating: 4 },
    'trips/b.jpg': { takenAt: '2020-05-02T00:00:00', camera: 'Nikon', format: 'heif' },
    'trips/deep/c.jpg': { takenAt: '2021-01-01T10:00:00', latitude: 1, longitude: 2 },
    'trips%/d.jpg': { takenAt: '2019-01-01T10:00:00', rating: -1 },
    'tripsy/gone.jpg': { takenAt: '2020-05-02T00:00:00', camera: 'Canon' },
  });
  const [a, b, c, d, gone] = ids as [number, number, number, number, number];
  setPresent(db, [gone], false);
  writeCaption(db, b, 'A beach');
  writeCaption(db, c, 'A wood');
  writeCaption(db, c, ''); // taken back

  it.each<[Filter, number[]]>([
    [{}, [a, b, c, d]],
    [{ root }, [a, b, c, d]],
    [{ root: root + 1 }, []],
    [{ folder: '' }, [a, b, c, d]],
    [{ folder: 'trips' }, [b, c]],
    [{ folder: 'trips%' }, [d]],
    [{ root, folder: 'trips/deep' }, [c]],
    [{ from: '2020-05-01', to: '2020-05-01' }, [a]],
    [{ from: '2020-05-02' }, [b, c]],
    [{ to: '2020-05-02' }, [a, b, d]],
    [{ camera: 'Canon' }, [a]],
    [{ format: 'heif' }, [b]],
    [{ located: true }, [c]],
    [{ located: false }, [a, b, d]],
    [{ captioned: true }, [b]],
    [{ captioned: false }, [a, c, d]],
    [{ rating: 4 }, [a]],
    [{ rating: 5 }, []],
    [{ camera: 'Nikon', folder: 'trips', captioned: true }, [b]],
    [{ tag: 'sea' }, []],
    [{ folder: "' OR 1 --", camera: "' OR 1 --" }, []],
  ])('%j lets the right photos through', (filter, expected) => {
    expect(photoIds(db, filter).sort((x, y) => x - y)).toEqual(expected);
  });
});
