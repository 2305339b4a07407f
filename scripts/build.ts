/**
 * Builds the programs, the page and the folder of models that ship: `npm run build [-- --without-starter]`.
 *
 * The starter's weights are for research and evaluation, so an app without them can be built.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const starter = 'iris-starter';

function run(command: string[]): void {
  const [program = '', ...args] = command;
  const { status } = spawnSync(process.execPath, [path.join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Links where the file system can, so that a build does not copy the weights again. */
function place(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function placeModels(withStarter: boolean): void {
  const target = path.join(root, 'dist/models');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const source = path.join(root, 'models');
  place(path.join(source, 'catalogue.json'), path.join(target, 'catalogue.json'));
  const ids = readdirSync(source).filter((id) => existsSync(path.join(source, id, 'model.json')));
  for (const id of ids.filter((name) => withStarter || name !== starter))
    for (const entry of readdirSync(path.join(source, id), { withFileTypes: true, recursive: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile()) place(file, path.join(target, path.relative(source, file)));
    }
}

const unknown = process.argv.slice(2).filter((argument) => argument !== '--without-starter');
if (unknown.length > 0) {
  console.error(`build: expected --without-starter or nothing, got ${unknown.join(' ')}`);
  process.exit(2);
}
run(['vite/bin/vite.js', 'build', '--logLevel', 'warn']);
for (const mode of ['preload', 'page'])
  run(['vite/bin/vite.js', 'build', '--mode', mode, '--logLevel', 'warn']);
placeModels(!process.argv.includes('--without-starter'));
