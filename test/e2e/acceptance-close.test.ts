import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from '../repo-files'

const run = promisify(execFile)
const CLOSES = 500
/** Far below the thirty seconds of a single close; far above what a machine with other work loses now and then. */
const MOST_LATE_MS = 10_000

it('FD-09 A-FD-6 hundreds of closes that linger do not hold a timer up', async () => {
  const { stdout } = await run(
    'python3',
    ['test/e2e/servers/lingering.py', String(CLOSES), process.execPath, 'test/e2e/servers/lingering.mjs'],
    { cwd: ROOT, env: { ...process.env, HEDDLE_BACKEND: 'native' }, timeout: 200_000 },
  )
  const report = JSON.parse(stdout) as Record<string, number>
  expect(report.closed).toBe(CLOSES)
  // The helpers did linger, or the timer would prove nothing.
  expect(report.closedWhileLingering).toBe(0)
  expect(report.ticks).toBeGreaterThan(5)
  expect(report.latestMs).toBeLessThan(MOST_LATE_MS)
})
