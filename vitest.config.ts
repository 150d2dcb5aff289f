import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/harness/closing-table.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores are the least that we expect; real processes need the other one.
    maxWorkers: 2,
  },
});
