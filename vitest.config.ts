import { defineConfig } from 'vitest/config';

/**
 * One project per kind of machine a suite needs, so that `scripts/test.mjs` can leave out exactly
 * what cannot run here and say so.
 */
const project = (name: string, include: string[], testTimeout = 20_000) => ({
  test: { name, include, testTimeout, hookTimeout: 60_000, pool: 'forks' as const },
});

export default defineConfig({
  test: {
    // Most suites wait for engines, disks and processes: two at a time even on two cores.
    maxWorkers: 2,
    projects: [
      project('unit', [
        'tests/unit/**/*.test.ts',
        'tests/regression/**/*.test.ts',
        'tests/tidy.test.ts',
      ]),
      project('simulation', ['tests/simulation/**/*.test.ts'], 60_000),
      project('conformance', ['tests/conformance/**/*.test.ts']),
      project('integration', ['tests/integration/**/*.test.ts'], 120_000),
      project('browser', ['tests/browser/**/*.test.ts'], 60_000),
      project('docker', ['tests/docker/**/*.test.ts'], 120_000),
      project('strace', ['tests/strace/**/*.test.ts'], 300_000),
      project('faults', ['tests/faults/**/*.test.ts'], 120_000),
    ],
  },
});
