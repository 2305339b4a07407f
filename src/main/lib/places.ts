/** Where things lie: the program's own folders, and the person's data folder by the system's custom. */
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The folder of package.json, found from wherever this file was built to. */
function programRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) return import.meta.dirname;
    folder = parent;
  }
  return folder;
}

const root = programRoot();
/** In a package the program is one archive, and large files lie beside it. */
const beside = path.extname(root) === '.asar' ? path.dirname(root) : undefined;
const fromSource = import.meta.url.endsWith('.ts');

export const places = {
  root,
  /** Entry of the compute processes: built, or the source itself, which Node 24 runs as it is. */
  computeEntry: fromSource
    ? path.join(root, 'src/main/compute/child.ts')
    : path.join(root, 'dist/main/child.js'),
  /** What the build chose to ship, or all there is. */
  models: path.join(beside ?? root, fromSource || beside ? 'models' : 'dist/models'),
  samples: path.join(beside ?? root, 'samples'),
  page: path.join(root, 'dist/renderer'),
  preload: path.join(root, 'dist/preload/index.cjs'),
};

/** The library's default place: XDG_DATA_HOME, Application Support or LOCALAPPDATA. */
export function defaultLibrary(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  const home = os.homedir();
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'Iris');
  if (platform === 'win32')
    return path.join(env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local'), 'Iris');
  const data = env['XDG_DATA_HOME'];
  return path.join(data && path.isAbsolute(data) ? data : path.join(home, '.local', 'share'), 'iris');
}
