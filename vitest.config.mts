import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** One suite, two backends; everything else runs with the backend a user would get. */
const conformance = (backend: 'native' | 'js') => ({
  extends: true as const,
  test: {
    name: backend,
    include: ['test/conformance/**/*.test.ts'],
    env: { HEDDLE_BACKEND: backend },
    globalSetup: ['test/compile-first.ts'],
  },
})

/** What a loop on a thread of its own must not change. */
const dedicated = {
  extends: true as const,
  test: {
    name: 'dedicated',
    include: ['test/conformance/{eventer,net,http,aco,jobq,asynch}-*.test.ts'],
    // They look at what lies above or beside the loops only.
    exclude: [
      'test/conformance/jobq-scheduling.test.ts',
      'test/conformance/http-{differential,routing,misuse}.test.ts',
      'test/conformance/net-misuse.test.ts',
    ],
    setupFiles: ['test/dedicated-loops.ts'],
    env: { HEDDLE_BACKEND: 'native' },
    globalSetup: ['test/compile-first.ts'],
  },
}

/** Tests that start programs use the compiled package, so it is brought up to date first. */
const programs = (name: string) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ['test/build-first.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})

export default defineConfig({
  test: {
    // Addons and vitest's own threads do not mix; each test file gets a process.
    pool: 'forks',
    // Many of them wait for a time to pass, or for processes of their own.
    maxWorkers: availableParallelism() + 1,
    // Limits matter only when something is broken: a machine four times as slow, and busy, must pass.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 5 } },
    projects: [
      conformance('native'),
      conformance('js'),
      dedicated,
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/*.test.ts'],
          globalSetup: ['test/compile-first.ts'],
        },
      },
      programs('e2e'),
      programs('lifecycle'),
      programs('package'),
    ],
  },
})
