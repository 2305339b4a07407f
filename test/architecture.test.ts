/** The arrows between the parts: which file may import which, checked on the real imports of src/. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const src = path.resolve(import.meta.dirname, '../src');

interface Import {
  from: string;
  /** A path below src/, or a package as it is named in the import. */
  to: string;
}

/** Parts in the order of the arrows. A file belongs to the first part whose pattern fits. */
const parts: [part: string, files: RegExp, mayImport: string[]][] = [
  ['shared', /^shared\//, ['shared']],
  ['lib', /^main\/lib\//, ['shared', 'lib']],
  ['store', /^main\/store\//, ['shared', 'lib', 'store']],
  ['inference', /^main\/inference\//, ['shared', 'lib', 'inference']],
  ['compute', /^main\/compute\//, ['shared', 'lib', 'store', 'inference', 'compute']],
  ['services', /^main\/services\//, ['shared', 'lib', 'store', 'inference', 'compute']],
  ['job', /^main\/index(?:-job|ing)\.ts$/, ['shared', 'lib', 'store', 'compute', 'services', 'job']],
  [
    'engine',
    /^main\/(?:engine(?:-models)?|downloading)\.ts$/,
    ['shared', 'lib', 'store', 'compute', 'services', 'job', 'engine'],
  ],
  ['web', /^main\/web[^/]*\.ts$/, ['shared', 'lib', 'web']],
  ['cli', /^main\/cli(?:\.ts|\/)/, ['shared', 'lib', 'engine', 'web', 'cli']],
  ['electron', /^main\/(?:index\.ts|electron\/)/, ['shared', 'lib', 'engine', 'web', 'cli', 'electron']],
  ['preload', /^preload\//, ['shared', 'preload']],
  ['renderer', /^renderer\//, ['shared', 'renderer']],
];

/** Packages that only these files may name. */
const keepers: Record<string, RegExp> = {
  electron: /^(?:main\/index\.ts|main\/electron\/|preload\/)/,
  'better-sqlite3': /^main\/store\//,
  'onnxruntime-node': /^main\/inference\/session\.ts$/,
  '@huggingface': /^main\/(?:inference\/|lib\/hub\.ts$)/,
  // The endpoint family sends a photo as a file, which no other model reads.
  sharp: /^main\/(?:compute\/|inference\/families\/endpoint\.ts$)/,
};

function partOf(file: string): [string, string[]] {
  const [part, , mayImport] = parts.find(([, files]) => files.test(file)) ?? [];
  if (part === undefined || mayImport === undefined) throw new Error(`${file} belongs to no part.`);
  return [part, mayImport];
}

/** What is wrong with one import, or undefined. */
function fault({ from, to }: Import): string | undefined {
  const keeper = keepers[to.split('/', 1)[0] ?? ''];
  if (keeper && !to.startsWith('main/') && !keeper.test(from)) return `${from} may not import ${to}`;
  if (!/^(?:main|shared|preload|renderer)\//.test(to)) return rendererFault(from, to);
  const [, mayImport] = partOf(from);
  const [part] = partOf(to);
  return mayImport.includes(part) ? undefined : `${from} may not import ${to}`;
}

/** The page runs in a browser: nothing of Node's. */
function rendererFault(from: string, to: string): string | undefined {
  const [part] = partOf(from);
  return to.startsWith('node:') && (part === 'renderer' || part === 'shared')
    ? `${from} may not import ${to}`
    : undefined;
}

function importsOf(file: string, text: string): Import[] {
  const script = file.endsWith('.svelte')
    ? [...text.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map((match) => match[1] ?? '').join('\n')
    : text;
  return ts
    .preProcessFile(script, true, true)
    .importedFiles.map(({ fileName }) => ({ from: file, to: target(file, fileName) }));
}

function target(from: string, name: string): string {
  return name.startsWith('.') ? path.posix.join(path.posix.dirname(from), name) : name;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(path.sep).join('/'))
  .filter((file) => /\.(?:ts|svelte)$/.test(file));
const imports = files.flatMap((file) => importsOf(file, readFileSync(path.join(src, file), 'utf8')));

describe('architecture', () => {
  it('finds the imports of every part', () => {
    const seen = new Set(imports.map((entry) => partOf(entry.from)[0]));
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'shared',
        'lib',
        'store',
        'inference',
        'compute',
        'services',
        'engine',
        'web',
        'cli',
        'renderer',
      ]),
    );
    expect(imports.length).toBeGreaterThan(200);
  });

  it('has imports along the arrows only', () => {
    expect(imports.map(fault).filter((found) => found !== undefined)).toEqual([]);
  });

  it('opens connections in three places: to a hub, to a server that a person connected, and to itself', () => {
    const opening = files.filter((file) => /\bfetch\(/.test(readFileSync(path.join(src, file), 'utf8')));
    expect(opening.sort()).toEqual([
      'main/inference/families/endpoint.ts',
      'main/lib/hub-calls.ts',
      'shared/http.ts',
    ]);
  });

  it('has no import whose target cannot be read from the source', () => {
    const computed = files.filter((file) =>
      /\bimport\(\s*(?!['"])[^)]/.test(readFileSync(path.join(src, file), 'utf8')),
    );
    expect(computed).toEqual([]);
  });

  it.each([
    ['main/services/ask.ts', "import { search } from './search.ts';"],
    ['main/store/files.ts', "import { loadModel } from '../inference/registry.ts';"],
    ['main/inference/model.ts', "export { openLibrary } from '../store/database.ts';"],
    ['main/lib/paths.ts', "import type { ReadDb } from '../store/database.ts';"],
    ['main/compute/child.ts', "await import('../services/ask.ts');"],
    ['main/services/jobs.ts', "import { createEngine } from '../engine.ts';"],
    ['main/web.ts', "import { createEngine } from './engine.ts';"],
    ['main/services/export.ts', "import sharp from 'sharp';"],
    ['main/cli/output.ts', "import Sqlite from 'better-sqlite3';"],
    ['main/inference/vision.ts', "import * as ort from 'onnxruntime-node';"],
    ['main/engine.ts', "import { app } from 'electron';"],
    ['main/electron/window.ts', "import { Ask } from '../services/ask.ts';"],
    ['renderer/state/desk.ts', "import { log } from '../../main/lib/log.ts';"],
    ['renderer/App.svelte', '<script lang="ts">import fs from \'node:fs\';</script>'],
    ['shared/errors.ts', "import path from 'node:path';"],
  ])('would catch in %s: %s', (file, text) => {
    expect(importsOf(file, text).map(fault)).toEqual([expect.stringContaining(`${file} may not import`)]);
  });
});
