import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from '../repo-files'

const run = promisify(execFile)
/** Of the thirty seconds for which the close blocks. */
const MOST_MS = 10_000
const FOLDER = 'test/lifecycle/programs'

it('a worker that closes a lingering descriptor is terminated without waiting for it (PK-06, FD-09)', async () => {
  const { stdout } = await run(
    'python3',
    [`${FOLDER}/lingering.py`, process.execPath, `${FOLDER}/lingering.mjs`],
    { cwd: ROOT, env: { ...process.env, HEDDLE_BACKEND: 'native' }, timeout: 100_000 },
  )
  const { terminateMs } = JSON.parse(stdout) as { terminateMs: number }
  expect(terminateMs).toBeLessThan(MOST_MS)
})
