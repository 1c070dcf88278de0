// Builds the native core of an installed package from the sources it carries, for platforms without a bundled
// binary: node node_modules/heddle/scripts/source-build.mjs
//
// The result replaces the bundled binary of this platform. Needs a C++20 compiler, and node-gyp resolvable from the
// package (npm install --no-save node-gyp).
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { localHeaders } from './headers.mjs'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'source-build')

if (!resolves('node-gyp/package.json')) {
  process.stderr.write('heddle: a source build needs node-gyp; run first: npm install --no-save node-gyp\n')
  process.exit(1)
}

writeGyp()
const nodedir = localHeaders()
const args = [
  join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js'),
  'rebuild',
  ...['--release', '--jobs', 'max'],
  ...(nodedir ? [`--nodedir=${nodedir}`] : []),
]
const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' })
if (status === 0) install()
process.exitCode = status ?? 1

/** Not at the root: npm would take a gyp file there for an install script. */
function writeGyp() {
  mkdirSync(folder, { recursive: true })
  const gyp = `{\n  'variables': { 'heddle_root': '..' },\n  'includes': ['../native/addon.gypi'],\n}\n`
  writeFileSync(join(folder, 'binding.gyp'), gyp)
}

function install() {
  const { libc, prebuiltFile } = require('../dist/backend/platform.js')
  const target = prebuiltFile(libc())
  mkdirSync(dirname(target), { recursive: true })
  // Not over the old file: a process that has it mapped would crash.
  rmSync(target, { force: true })
  copyFileSync(join(folder, 'build/Release/heddle.node'), target)
  rmSync(folder, { recursive: true, force: true })
  process.stdout.write(`heddle: built ${target}\n`)
}

function resolves(name) {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}
