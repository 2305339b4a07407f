/** The packages' configuration against what is installed: nothing native is left inside the archive, nothing needed is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkout } from './engine/helpers.ts';

// The packer's own reader, schema and pattern matcher, so that this judges as it does.
const packer = createRequire(createRequire(import.meta.url).resolve('electron-builder/package.json'));
const library = createRequire(packer.resolve('app-builder-lib/package.json'));
const { load } = library('js-yaml') as { load: (text: string) => unknown };
const { minimatch } = library('minimatch') as {
  minimatch: (file: string, pattern: string, options: object) => boolean;
};
const { validateConfiguration } = library('./out/util/config/config.js') as {
  validateConfiguration: (config: unknown, logger: unknown) => Promise<void>;
};
const { DebugLogger } = library('builder-util') as { DebugLogger: new (on: boolean) => unknown };

const target = z.object({ icon: z.string(), files: z.array(z.string()) });
const configuration = z.object({
  files: z.array(z.string()),
  asar: z.literal(true),
  asarUnpack: z.array(z.string()),
  extraResources: z.array(z.object({ from: z.string(), to: z.string() })),
  electronFuses: z.record(z.string(), z.boolean()),
  npmRebuild: z.literal(false),
  publish: z.null(),
  win: target,
  mac: target.extend({
    hardenedRuntime: z.literal(true),
    entitlements: z.string(),
    entitlementsInherit: z.string(),
  }),
  linux: target,
});
const raw = load(readFileSync(path.join(checkout, 'electron-builder.yml'), 'utf8'));
const config = configuration.parse(raw);

const manifest = z.object({ main: z.string(), dependencies: z.record(z.string(), z.string()) });
const program = manifest.parse(JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')));

const matches = (file: string, pattern: string): boolean => minimatch(file, pattern, { dot: true });
const unpacked = (file: string): boolean => config.asarUnpack.some((pattern) => matches(file, pattern));

/** Whether a file of a dependency gets into the package of this system: those that no pattern takes out. */
function isPacked(file: string, system: 'win' | 'mac' | 'linux'): boolean {
  const out = [...config.files, ...config[system].files].filter((pattern) => pattern.startsWith('!'));
  return !out.some((pattern) => matches(file, pattern.slice(1)));
}

const needs = z.object({
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

/** The installed packages that the program needs to run, with what those need in turn. */
function shipped(): string[] {
  const found = new Set<string>();
  const add = (name: string): void => {
    const file = path.join(checkout, 'node_modules', name, 'package.json');
    if (found.has(name) || !existsSync(file)) return; // an optional one of another system
    found.add(name);
    const { dependencies, optionalDependencies } = needs.parse(JSON.parse(readFileSync(file, 'utf8')));
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) add(needed);
  };
  Object.keys(program.dependencies).forEach(add);
  return [...found];
}

const native = /\.(?:node|dylib|dll|exe|so(?:\.[\d.]+)?)$/;
const files = shipped().flatMap((name) =>
  readdirSync(path.join(checkout, 'node_modules', name), { recursive: true, encoding: 'utf8' }).map(
    (file) => `node_modules/${name}/${file.split(path.sep).join('/')}`,
  ),
);
const natives = files.filter((file) => native.test(file));

describe('The configuration', () => {
  it("passes the packer's own schema", async () => {
    await expect(
      validateConfiguration(
        load(readFileSync(path.join(checkout, 'electron-builder.yml'), 'utf8')),
        new DebugLogger(false),
      ),
    ).resolves.toBeUndefined();
  });
  it('sets every fuse to its safe side', () => {
    expect(config.electronFuses).toEqual({
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      grantFileProtocolExtraPrivileges: false,
    });
  });
  it('has an icon and entitlements that grant no more than they must', async () => {
    for (const system of ['win', 'mac', 'linux'] as const) {
      const { width, height, format } = await sharp(path.join(checkout, config[system].icon)).metadata();
      expect({ width, height, format }).toEqual({ width: 1024, height: 1024, format: 'png' });
    }
    expect(config.mac.entitlementsInherit).toBe(config.mac.entitlements);
    const entitlements = readFileSync(path.join(checkout, config.mac.entitlements), 'utf8');
    expect([...entitlements.matchAll(/<key>([^<]+)<\/key>/g)].map(([, key]) => key)).toEqual([
      'com.apple.security.cs.allow-jit',
      'com.apple.security.cs.disable-library-validation',
    ]);
  });
});

describe('Native files', () => {
  it('are found in every package that has some', () => {
    const owners = new Set(natives.map((file) => file.split('/')[1]));
    expect([...owners].sort()).toEqual(['@img', '@parcel', 'better-sqlite3', 'onnxruntime-node', 'usearch']);
  });
  it('are all unpacked', () => {
    expect(natives.filter((file) => !unpacked(file))).toEqual([]);
  });
  it('and so is ExifTool, which is started as a program', () => {
    const exiftool = files.filter((file) => /^node_modules\/exiftool-vendored\.(?:pl|exe)\/bin\//.test(file));
    expect(exiftool.length).toBeGreaterThan(50);
    expect(exiftool.filter((file) => !unpacked(file))).toEqual([]);
  });
  it('would be noticed if a new package brought one', () => {
    expect(unpacked('node_modules/some-new-package/build/Release/addon.node')).toBe(false);
    expect(native.test('node_modules/some-new-package/lib/libnew.so.1.2')).toBe(true);
  });

  const own = {
    win: ['win32', 'x64'],
    mac: ['darwin', 'arm64'],
    linux: ['linux', 'x64'],
  } as const;
  describe.each(Object.entries(own) as [keyof typeof own, readonly [string, string]][])(
    '%s',
    (system, [os, arch]) => {
      const packed = natives.filter((file) => isPacked(file, system));
      it.each([
        `node_modules/onnxruntime-node/bin/napi-v6/${os}/${arch}/onnxruntime_binding.node`,
        `node_modules/better-sqlite3/prebuilds/${os}-${arch}.node`,
        `node_modules/usearch/prebuilds/${os === 'darwin' ? 'darwin-arm64+x64' : `${os}-${arch}`}/usearch.node`,
      ])('has %s', (file) => expect(packed).toContain(file));
      it('keeps every library beside the one that needs it', () => {
        const folder = `node_modules/onnxruntime-node/bin/napi-v6/${os}/${arch}/`;
        const needed = natives.filter((file) => file.startsWith(folder));
        expect(packed.filter((file) => file.startsWith(folder))).toEqual(needed);
        expect(needed.length).toBeGreaterThan(1);
      });
      it('has nothing for other machines', () => {
        // @img's and @parcel's are chosen by npm, for the machine that builds.
        const foreign = packed
          .filter((file) => !/@(?:img|parcel)\//.test(file))
          .filter((file) => !file.includes(os) || !file.includes(arch));
        expect(foreign).toEqual([]);
      });
      it('has sharp for it, by the lock file', () => {
        const lock = readFileSync(path.join(checkout, 'package-lock.json'), 'utf8');
        expect(lock).toContain(`"node_modules/@img/sharp-${os}-${arch}"`);
        expect(unpacked(`node_modules/@img/sharp-${os}-${arch}/lib/sharp-${os}-${arch}.node`)).toBe(true);
        expect(isPacked(`node_modules/@img/sharp-${os}-${arch}/lib/sharp-${os}-${arch}.node`, system)).toBe(
          true,
        );
      });
      it('has the watcher for it, by the lock file', () => {
        const name = `node_modules/@parcel/watcher-${os}-${arch}${os === 'linux' ? '-glibc' : ''}`;
        expect(readFileSync(path.join(checkout, 'package-lock.json'), 'utf8')).toContain(`"${name}"`);
        expect(unpacked(`${name}/watcher.node`)).toBe(true);
      });
      it('has its ExifTool and not the other', () => {
        const mine = system === 'win' ? 'exe' : 'pl';
        const theirs = system === 'win' ? 'pl' : 'exe';
        expect(isPacked(`node_modules/exiftool-vendored.${mine}/bin/exiftool`, system)).toBe(true);
        expect(isPacked(`node_modules/exiftool-vendored.${theirs}/bin/exiftool`, system)).toBe(false);
      });
      it('takes out no script that a package runs', () => {
        const scripts = files.filter((file) => /\.(?:c?js|mjs|json|wasm)$/.test(file));
        const lost = scripts.filter((file) => !isPacked(file, system));
        expect(
          lost.filter((file) => !/exiftool-vendored\.(?:exe|pl)|\/(?:deps|cpp|c|numkong)\//.test(file)),
        ).toEqual([]);
      });
    },
  );
});

describe('What the program reads', () => {
  const inside = config.files.filter((pattern) => !pattern.startsWith('!'));
  const taken = (file: string): boolean => inside.some((pattern) => matches(file, pattern));
  it.each([
    program.main,
    'package.json',
    'LICENSE',
    'NOTICE',
    'dist/main/child.js',
    'dist/main/cli.js',
    'dist/main/chunks/engine.js',
    'dist/preload/index.cjs',
    'dist/renderer/index.html',
    'dist/renderer/assets/index.js',
  ])('%s is in the archive', (file) => {
    expect(taken(file)).toBe(true);
    for (const system of ['win', 'mac', 'linux'] as const) expect(isPacked(file, system)).toBe(true);
  });
  it.each([
    'src/main/index.ts',
    'test/packaging.test.ts',
    'models/iris-starter/model.json',
    'dist/models/x/model.json',
    '.git/config',
  ])('%s is not', (file) => expect(taken(file)).toBe(false));
  it('models and samples lie beside it, where the program looks', () => {
    expect(config.extraResources).toEqual([
      { from: 'dist/models', to: 'models' },
      { from: 'samples', to: 'samples' },
    ]);
    expect(existsSync(path.join(checkout, 'samples/sample-01.jpg'))).toBe(true);
  });
});
