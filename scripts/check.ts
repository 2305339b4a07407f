/** npm run check: types, lint and format, side by side; fails if one of them fails. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const checks = [
  ['typescript/bin/tsc', '-p', 'tsconfig.shared.json'],
  ['typescript/bin/tsc', '-p', 'tsconfig.node.json'],
  ['svelte-check/bin/svelte-check', '--tsconfig', 'tsconfig.renderer.json', '--output', 'human'],
  ['eslint/bin/eslint.js', '.'],
  ['prettier/bin/prettier.cjs', '--check', '.', '--log-level', 'warn'],
];

async function passes([tool = '', ...rest]: string[]): Promise<boolean> {
  const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...rest], {
    cwd: root,
    stdio: 'inherit',
  });
  return await new Promise((resolve) => child.on('exit', (code) => resolve(code === 0)));
}

const passed = await Promise.all(checks.map(passes));
process.exitCode = passed.every(Boolean) ? 0 : 1;
