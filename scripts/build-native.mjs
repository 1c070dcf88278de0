import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { localHeaders } from './headers.mjs'
import { Stamp } from './stamp.mjs'

const require = createRequire(import.meta.url)

/**
 * Builds the addon from `binding.gyp` if a source changed. Returns undefined on success, otherwise why there is no
 * addon, in one line. The compiler's output goes to `.cache/native-build.log`.
 *
 * HEDDLE_WERROR=1 turns warnings into errors: for our own builds, not for a contributor's newer compiler.
 */
export function buildNative(root) {
  if (process.platform === 'win32') return 'the native core does not run on Windows'
  const werror = process.env.HEDDLE_WERROR === '1' ? 1 : 0
  // The version of Node is not among the inputs: through Node-API one binary serves them all.
  const facts = [process.platform, process.arch, werror]
  const stamp = new Stamp(join(root, '.cache/native.stamp'), nativeInputs(root), facts)
  if (stamp.fresh && existsSync(join(root, 'build/Release/heddle.node'))) return undefined
  if (!hasCompiler()) return 'no C++ compiler found (set CXX, or install g++ or clang++)'

  stamp.drop()
  const nodedir = localHeaders()
  const args = [
    require.resolve('node-gyp/bin/node-gyp.js'),
    ...['configure', 'build', '--release', '-j', String(availableParallelism())],
    ...(nodedir ? [`--nodedir=${nodedir}`] : []),
  ]
  const run = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, GYP_DEFINES: `heddle_werror=${werror}` },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const log = join(root, '.cache/native-build.log')
  mkdirSync(join(root, '.cache'), { recursive: true })
  writeFileSync(log, `${run.stdout ?? ''}${run.stderr ?? ''}`)
  if (run.status !== 0) return `the compiler failed, see ${log}`
  stamp.write()
  return undefined
}

/** Everything the addon is made of. The native test programs are not: they have a build of their own. */
function nativeInputs(root) {
  const native = join(root, 'native')
  const folders = existsSync(native) ? readdirSync(native) : []
  const own = folders.filter((name) => name !== 'test' && !name.startsWith('build'))
  return [join(root, 'binding.gyp'), ...own.sort().map((name) => join(native, name))]
}

function hasCompiler() {
  const names = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++']
  return names.some((name) => spawnSync(name, ['--version'], { stdio: 'ignore', shell: true }).status === 0)
}
