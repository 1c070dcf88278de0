// Builds the native core as a plain library with its test programs through cmake-js, and leaves
// build-native/cmake-js/compile_commands.json for editors. Headers beside the executable are used when they are
// there, so that nothing is downloaded.
import { spawnSync } from 'node:child_process'
import { localHeaders } from './headers.mjs'
import { root, tool } from './tools.mjs'

const nodedir = localHeaders()
const env = nodedir ? { ...process.env, npm_config_nodedir: nodedir } : process.env
const args = ['compile', '--directory', 'native', '--out', 'build-native/cmake-js', ...process.argv.slice(2)]
process.exitCode = spawnSync(tool('cmake-js'), args, { cwd: root, env, stdio: 'inherit' }).status ?? 1
