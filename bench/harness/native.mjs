import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { localHeaders } from '../../scripts/headers.mjs'
import { root, tool } from '../../scripts/tools.mjs'

const runFile = promisify(execFile)
const FOLDER = fileURLToPath(new URL('../build/native', import.meta.url))
const TIMEOUT_MS = 120_000
/** jemalloc wants more static thread-local storage than a library loaded late gets by default. */
const env = { ...process.env, GLIBC_TUNABLES: 'glibc.rtld.optional_static_tls=65536' }

let built = false

/** Brings the programs of bench/native up to date, once a run, through cmake-js. */
function build() {
  if (built) return
  const nodedir = localHeaders()
  const buildEnv = nodedir ? { ...process.env, npm_config_nodedir: nodedir } : process.env
  const args = ['compile', '--directory', 'bench/native', '--out', FOLDER]
  const { status, stdout, stderr } = spawnSync(tool('cmake-js'), args, {
    cwd: root,
    env: buildEnv,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the native benches could not be built\n${stdout}${stderr}`)
  built = true
}

/**
 * A program of bench/native by name: which contestants are installed here, and one measurement of a case by its name in
 * a process of its own, on whatever cores it chooses (it pins its own threads).
 */
export async function nativeProgram(name) {
  build()
  const file = join(FOLDER, `${name}_bench`)
  const { stdout } = await runFile(file, [], { env })
  const { contestants } = JSON.parse(stdout)
  return {
    contestants,
    async measure(task, contestant) {
      const { stdout } = await runFile(file, [task, contestant], { env, timeout: TIMEOUT_MS })
      return JSON.parse(stdout)
    },
  }
}
