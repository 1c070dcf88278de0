import { spawnSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Stamp } from './stamp.mjs'

const require = createRequire(import.meta.url)

/**
 * Compiles `lib/` to `dist/` if a source changed. The compiler writes beside `dist`, which is then replaced in one
 * rename, so a process that starts meanwhile sees the old or the new build. Returns false when types do not check;
 * what was emitted is installed all the same, so that tests can run while a change is under way.
 */
export function buildTypeScript(root) {
  const dist = join(root, 'dist')
  const inputs = ['lib', 'tsconfig.json', 'package.json'].map((name) => join(root, name))
  const stamp = new Stamp(join(root, '.cache/typescript.stamp'), inputs)
  if (stamp.fresh && existsSync(join(dist, 'index.js'))) return true

  stamp.drop()
  const next = join(root, `.cache/dist.${process.pid}`)
  const tsc = require.resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', root, '--outDir', next], { stdio: 'inherit' })
  if (existsSync(next)) replace(dist, next)
  if (status !== 0) return false
  stamp.write()
  return true
}

function replace(target, source) {
  const old = `${source}.old`
  if (existsSync(target)) renameSync(target, old)
  renameSync(source, target)
  rmSync(old, { recursive: true, force: true })
}
