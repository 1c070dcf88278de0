import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Brings the compiled TypeScript up to date: worker threads, those of job queues and those of tests, run it, whatever
 * the tests themselves load.
 */
export default function setup(): void {
  execFileSync(process.execPath, [join(__dirname, '../scripts/build.mjs'), '--ts'], { stdio: 'inherit' })
}
