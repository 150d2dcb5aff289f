import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/harness/closing-table.ts'],
    // A hang, not slowness, is what these are for: tests start real programs, on machines that may have other things to do.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // Two cores are the least that we expect; real processes need the other one.
    maxWorkers: 2,
  },
});
