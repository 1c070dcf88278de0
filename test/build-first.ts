import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Brings `dist/` and the addon up to date before programs of the package are started. */
export default function setup(): void {
  execFileSync(process.execPath, [join(__dirname, '../scripts/build.mjs')], { stdio: 'inherit' })
}
