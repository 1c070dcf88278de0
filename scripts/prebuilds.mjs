// Builds the bundled binary of this platform into prebuilds/ with prebuildify. Headers beside the executable are
// used when they are there, so that nothing is downloaded.
import { spawnSync } from 'node:child_process'
import { localHeaders } from './headers.mjs'
import { root, tool } from './tools.mjs'

/** The first Node 20 with Node-API 9: one binary serves it and every later version. */
const TARGET = '20.3.0'

const nodedir = localHeaders()
const env = nodedir ? { ...process.env, npm_config_nodedir: nodedir } : process.env
const args = ['--napi', '--strip', '--tag-libc', '-t', TARGET, '--name', 'heddle']
process.exitCode = spawnSync(tool('prebuildify'), args, { cwd: root, env, stdio: 'inherit' }).status ?? 1
