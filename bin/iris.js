#!/usr/bin/env node
/** Starts the built command line on the Node that the project carries, where npm's own is older. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const cli = path.join(root, 'dist/main/cli.js');
const carried = path.join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');

if (!existsSync(cli)) {
  console.error('iris: not built yet. Run "npm ci && npm run build" first.');
  process.exit(1);
}
const oldNode = Number(process.versions.node.split('.')[0]) < 24;
if (oldNode && existsSync(carried)) {
  const child = spawn(carried, [cli, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
} else {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  await import(cli);
}
