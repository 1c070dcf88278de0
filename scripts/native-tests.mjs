// Builds and runs the test programs of the native core, without Node in the way:
//
//   node scripts/native-tests.mjs [release|asan-ubsan|tsan]   one preset, or all three
//   node scripts/native-tests.mjs cmake-js                    release, as cmake-js builds it (scripts/core.mjs)
//   node scripts/native-tests.mjs aarch64                     what knows the processor, cross-compiled, under qemu
//   node scripts/native-tests.mjs fuzz [seconds]              every fuzzer on its seeds and then for so long
//
// As many run at a time as there are processors. Each program ends with "N passed, N failed"; so does this, for a
// fuzzer run.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from './tools.mjs'

/** Fuzzers go the same way every time; HEDDLE_SEED sends them on another. */
const SEED = process.env.HEDDLE_SEED ?? '1'
const TEST_PRESETS = ['release', 'asan-ubsan', 'tsan']
const WIDTH = availableParallelism()
/** Under an emulator only what has assembly in it, and who stands on that. */
const CHOSEN = { aarch64: /^((coro|aco)_.*|job_crc32c_)test$/ }
const [preset, seconds = '30'] = process.argv.slice(2)

if (preset === 'fuzz') process.exitCode = (await fuzz()) ? 0 : 1
else process.exitCode = (preset ? [preset] : TEST_PRESETS).every(test) ? 0 : 1

function test(name) {
  const chosen = CHOSEN[name]
  const folder = name === 'cmake-js' ? buildCore() : build(name, chosen ? programs('_test', chosen) : [])
  const options = ['--verbose', '--timeout', '1200', '--parallel', String(WIDTH)]
  // The gate tells a failure that does not come again from one that does, by what is printed of both runs.
  if (process.env.CI === 'true') options.push('--repeat', 'until-pass:2')
  if (chosen) options.push('--tests-regex', chosen.source)
  return folder !== undefined && run('ctest', ['--test-dir', folder, ...options])
}

/** Programs of native/test whose names end so. */
function programs(end, chosen = /./) {
  const files = readdirSync(join(root, 'native/test')).filter((file) => file.endsWith(`${end}.cc`))
  return files.map((file) => file.replace(/\.cc$/, '')).filter((name) => chosen.test(name))
}

function buildCore() {
  const built = run(process.execPath, [join(root, 'scripts/core.mjs')])
  return built ? join(root, 'build-native/cmake-js') : undefined
}

/** Configures and builds one preset, or some targets; returns its build folder, or undefined when that failed. */
function build(name, targets = []) {
  const folder = join(root, 'build-native', name)
  const configured = run('cmake', ['--preset', name, '-B', folder], join(root, 'native'))
  if (!configured) return undefined
  const wanted = targets.length > 0 ? ['--target', ...targets] : []
  return run('cmake', ['--build', folder, '--parallel', String(WIDTH), ...wanted]) ? folder : undefined
}

async function fuzz() {
  const fuzzers = programs('_fuzz')
  const folder = build('fuzz', fuzzers)
  if (!folder) return false
  const waiting = [...fuzzers]
  const failed = []
  const work = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) {
      if (!(await fuzzOne(folder, name))) failed.push(name)
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, work))
  for (const name of failed) process.stdout.write(`FAILED ${name}\n`)
  process.stdout.write(`${fuzzers.length - failed.length} passed, ${failed.length} failed\n`)
  return failed.length === 0 && fuzzers.length > 0
}

/**
 * New inputs go to the build folder; the seeds beside the tests stay as they are. What the fuzzer says is shown when it
 * has ended, so that it stands together.
 */
function fuzzOne(folder, name) {
  const found = join(folder, `${name}-found`)
  const seeds = join(root, 'native/test/corpus', name)
  mkdirSync(found, { recursive: true })
  const limits = [
    `-max_total_time=${seconds}`,
    '-timeout=60',
    '-rss_limit_mb=2048',
    `-seed=${SEED}`,
    '-print_final_stats=1',
  ]
  const corpus = existsSync(seeds) ? [found, seeds] : [found]
  const child = spawn(join(folder, name), [...limits, `-artifact_prefix=${folder}/`, ...corpus])
  let output = `${name}\n`
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.stdout.write(output)
      resolve(code === 0)
    })
  })
}

function run(program, args, cwd = root) {
  return spawnSync(program, args, { cwd, stdio: 'inherit' }).status === 0
}
