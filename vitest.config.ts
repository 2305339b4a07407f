/** Small tests and those of whole engines two files at a time; then, alone, those of faults, whose moments matter, and those with a browser. */
import { defineConfig } from 'vitest/config';

const engines = ['test/engine/**/*.test.ts'];
const faults = ['test/faults/**/*.test.ts', 'test/parity/webgpu.test.ts'];
const browser = ['test/e2e/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    env: { ORT_DISABLE_TELEMETRY: '1' },
    projects: [
      {
        extends: true,
        test: {
          name: 'small',
          include: ['test/**/*.test.ts'],
          exclude: ['test/soak/**', ...engines, ...faults, ...browser],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'engine',
          include: engines,
          setupFiles: ['test/built-lanes.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: faults,
          setupFiles: ['test/built-lanes.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'page',
          include: browser,
          setupFiles: ['test/built-lanes.ts'],
          fileParallelism: false,
          // A shared machine can starve a browser past any wait: a fault fails twice, and the report
          // names what needed its second try.
          retry: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
