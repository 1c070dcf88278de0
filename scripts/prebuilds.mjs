// Builds the bundled binary of this platform into prebuilds/ with prebuildify. Headers beside the executable are
// used when they are there, so that nothing is downloaded.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { localHeaders } from './headers.mjs'
import { root, tool } from './tools.mjs'

/** The first Node 20 with Node-API 9: one binary serves it and every later version. */
const TARGET = '20.3.0'

const nodedir = localHeaders()
const env = { ...process.env, JOBS: 'max', ...(nodedir ? { npm_config_nodedir: nodedir } : {}) }
// Its own place for headers would be the system's folder for temporary files, where they stay.
const cache = join(root, '.cache/prebuildify')
const args = ['--napi', '--strip', '--tag-libc', '-t', TARGET, '--name', 'heddle', '--cache', cache]
const { status } = spawnSync(tool('prebuildify'), args, { cwd: root, env, stdio: 'inherit' })
if (status === 0) restoreBuild()
process.exitCode = status ?? 1

/** prebuildify moves the file out of build/; the checkout goes on using it there. */
function restoreBuild() {
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
  const [name] = readdirSync(folder).filter((file) => file.endsWith('.node'))
  if (name) copyFileSync(join(folder, name), join(root, 'build/Release/heddle.node'))
}
