/** Small tests two at a time; then those that start engines and processes, then those with a browser, one file at a time. */
import { defineConfig } from 'vitest/config';

const heavy = ['test/{engine,faults}/**/*.test.ts', 'test/parity/webgpu.test.ts'];
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
          exclude: ['test/soak/**', ...heavy, ...browser],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: heavy,
          setupFiles: ['test/built-lanes.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
