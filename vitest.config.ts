/** Small tests two at a time; then those that start engines, processes or a browser, one file at a time on two cores. */
import { defineConfig } from 'vitest/config';

const heavy = ['test/{engine,faults,e2e}/**/*.test.ts', 'test/parity/webgpu.test.ts'];

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
          exclude: ['test/soak/**', ...heavy],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'whole', include: heavy, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
