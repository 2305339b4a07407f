/** One build for every target: the Node programs (host, CLI, compute child) and the page. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { builtinModules } from 'node:module';
import { defineConfig, type UserConfig } from 'vite';

const node: UserConfig = {
  build: {
    outDir: 'dist/main',
    emptyOutDir: true,
    ssr: true,
    target: 'node24',
    rolldownOptions: {
      input: { cli: 'src/main/cli.ts', child: 'src/main/compute/child.ts' },
      external: [/^[^./]/, ...builtinModules],
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name].js' },
    },
  },
};

const page: UserConfig = {
  root: 'src/renderer',
  base: './',
  plugins: [svelte({ configFile: '../../svelte.config.js' })],
  build: { outDir: '../../dist/renderer', emptyOutDir: true, target: 'chrome140', assetsInlineLimit: 0 },
};

export default defineConfig(({ mode }) => (mode === 'page' ? page : node));
