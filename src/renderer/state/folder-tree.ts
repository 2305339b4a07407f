/** Folders as a tree: those without photos of their own stand where others are below them. */
import type { Folder, Root } from '../../shared/contract.ts';

export interface Branch {
  /** The same for as long as the folder is there. */
  key: string;
  root: Root;
  folder: string;
  name: string;
  /** 1 for a root. */
  level: number;
  /** Photos in it and below it. */
  photos: number;
  children: Branch[];
}

function last(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== '') ?? path;
}

function branch(root: Root, folder: string, level: number, photos: number): Branch {
  const name = last(folder === '' ? root.path : folder);
  return { key: `${root.id} ${folder}`, root, folder, name, level, photos, children: [] };
}

/** The tree below one root; a folder's count holds what is below it. */
export function treeOf(root: Root, folders: readonly Folder[]): Branch {
  const top = branch(root, '', 1, root.photos);
  const known = new Map([['', top]]);
  const find = (folder: string): Branch => {
    const found = known.get(folder);
    if (found) return found;
    const above = find(folder.slice(0, Math.max(0, folder.lastIndexOf('/'))));
    const made = branch(root, folder, above.level + 1, 0);
    known.set(folder, made);
    above.children.push(made);
    return made;
  };
  for (const { root: id, folder, photos } of folders) {
    if (id !== root.id || folder === '') continue;
    find(folder);
    const parts = folder.split('/');
    for (let end = parts.length; end > 0; end--) find(parts.slice(0, end).join('/')).photos += photos;
  }
  for (const { children } of known.values())
    children.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return top;
}

/** What is to be seen of a tree, from top to foot, where only some branches are open. */
export function rowsOf(branches: readonly Branch[], isOpen: (branch: Branch) => boolean): Branch[] {
  return branches.flatMap((entry) => [entry, ...(isOpen(entry) ? rowsOf(entry.children, isOpen) : [])]);
}
