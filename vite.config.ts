/** One build for every target: the Node programs (desktop, CLI, compute child), the preload and the page. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { builtinModules } from 'node:module';
import { defineConfig, type UserConfig } from 'vite';

/** Put into the Node programs: read as the hundreds of files that they are, they slow every start. */
const bundled = ['zod', 'hono', 'commander', '@hono/node-server'];
const notBundled = new RegExp(`^(?!(?:${bundled.join('|')})(?:/|$))[^./]`);

const node: UserConfig = {
  build: {
    outDir: 'dist/main',
    emptyOutDir: true,
    ssr: true,
    target: 'node24',
    rolldownOptions: {
      input: { index: 'src/main/index.ts', cli: 'src/main/cli.ts', child: 'src/main/compute/child.ts' },
      external: [notBundled, ...builtinModules],
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name].js' },
    },
  },
  ssr: { noExternal: bundled },
};

/** One CommonJS file: a sandboxed preload can load nothing but Electron. */
const preload: UserConfig = {
  build: {
    outDir: 'dist/preload',
    emptyOutDir: true,
    ssr: 'src/preload/index.ts',
    target: 'node24',
    rolldownOptions: {
      external: ['electron'],
      output: { format: 'cjs', entryFileNames: 'index.cjs', codeSplitting: false },
    },
  },
  ssr: { noExternal: true },
};

const page: UserConfig = {
  root: 'src/renderer',
  base: './',
  plugins: [svelte({ configFile: '../../svelte.config.js' })],
  build: { outDir: '../../dist/renderer', emptyOutDir: true, target: 'chrome140', assetsInlineLimit: 0 },
};

const modes: Record<string, UserConfig> = { page, preload };

export default defineConfig(({ mode }) => modes[mode] ?? node);
