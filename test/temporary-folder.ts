import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const folders: string[] = []
// Hooks of the importing file run before this one. Not at the exit of the process: vitest may end it without.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/**
 * A folder for files of a test, gone when its test file is done, whatever became of the test. Not where all tests of a file
 * are skipped: nothing is asked for outside of them.
 */
export function temporaryFolder(): string {
  return made(join(tmpdir(), 'heddle-'))
}

/** The same for Unix sockets, whose paths have about a hundred bytes whatever TMPDIR is. */
export function socketFolder(): string {
  return made(join(tmpdir().length > 50 ? '/tmp' : tmpdir(), 'h-'))
}

/** The same for what other users are to reach: TMPDIR may be closed to them. */
export function sharedFolder(): string {
  const folder = made('/tmp/h-')
  chmodSync(folder, 0o755)
  return folder
}

function made(prefix: string): string {
  const folder = mkdtempSync(prefix)
  folders.push(folder)
  return folder
}
