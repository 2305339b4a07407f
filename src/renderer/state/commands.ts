/** Everything the command palette offers. */
import type { SavedSearch } from '../../shared/contract.ts';
import { frameWords } from '../lib/words-frame.ts';
import type { Browse, Place } from './browse.svelte.ts';
import { home } from './home.svelte.ts';
import { nameOf } from './job-words.ts';
import { keySettings } from './keys.svelte.ts';
import { language } from './language.svelte.ts';
import type { Library } from './library.svelte.ts';
import { pageNames, route } from './route.svelte.ts';
import { theme, themes } from './theme.svelte.ts';

export interface Command {
  id: string;
  label: string;
  kind: 'command' | 'page' | 'folder' | 'search';
  /** More to find it by, and shown small. */
  hint?: string;
  keys?: readonly string[];
  run: () => void;
}

/** What only the frame can do. */
export interface FrameActions {
  find: () => void;
  addFolder: () => void;
  exportCaptions: () => void;
  toggleLibrary: () => void;
  keys: () => void;
  open: (search: SavedSearch) => void;
  showPhoto: (id: number) => void;
}

const folderLimit = 2000;

export function commandsOf(
  library: Library,
  browse: Browse,
  searches: readonly SavedSearch[],
  frame: FrameActions,
): Command[] {
  return [
    ...actions(library, frame),
    ...pages(),
    ...looks(),
    ...searches.map((search): Command => ({
      id: `search-${search.id}`,
      label: search.name,
      kind: 'search',
      hint: search.query,
      run: () => frame.open(search),
    })),
    ...folders(library, browse),
  ];
}

function actions(library: Library, frame: FrameActions): Command[] {
  const words = frameWords[language.code].palette;
  const writable = library.status?.writable ?? false;
  const command = (id: string, label: string, run: () => void, keys?: readonly string[]): Command => ({
    id,
    label,
    kind: 'command',
    ...(keys && { keys }),
    run,
  });
  return [
    command('find', words.find, frame.find, ['/']),
    ...(writable
      ? [
          command('add', words.add, frame.addFolder),
          command('look', words.look, () => void library.lookAgain()),
          command('export', words.export, frame.exportCaptions, ['e']),
        ]
      : []),
    command('sidebar', words.sidebar, frame.toggleLibrary, ['[']),
    command('keys', words.keys, frame.keys, ['?']),
  ];
}

function pages(): Command[] {
  const words = frameWords[language.code];
  return pageNames.map((page) => ({
    id: `page-${page}`,
    label: words.goTo(words.pages[page]),
    kind: 'page',
    run: () => route.go(page),
  }));
}

function looks(): Command[] {
  const words = frameWords[language.code];
  const { letters } = keySettings;
  const chosen = themes.map((name): Command => ({
    id: `theme-${name}`,
    label: words.palette.theme(words.theme[name]),
    kind: 'command',
    run: () => theme.choose(name),
  }));
  return [
    ...chosen,
    { id: 'language', label: words.palette.language, kind: 'command', run: () => language.switch() },
    {
      id: 'letters',
      label: words.palette.letters(letters),
      kind: 'command',
      run: () => keySettings.setLetters(!letters),
    },
  ];
}

function folders(library: Library, browse: Browse): Command[] {
  const roots = new Map(library.status?.roots.map((root) => [root.id, root.path]));
  const go = (place: Place): void => {
    browse.show(place);
    route.go('photos');
  };
  const all: Command = {
    id: 'all',
    label: frameWords[language.code].palette.all,
    kind: 'folder',
    run: () => go(null),
  };
  const named = library.folders.slice(0, folderLimit).map(({ root, folder }): Command => {
    const base = roots.get(root) ?? '';
    const path = folder === '' ? base : `${base}/${folder}`;
    const label = nameOf(path);
    return {
      id: `folder-${root}-${folder}`,
      label,
      kind: 'folder',
      hint: home.tidy(path),
      run: () => go({ root, folder }),
    };
  });
  return [all, ...named];
}
