// Lints everything: Biome, the type-aware rules of ESLint, clang-tidy. With `--changed` clang-tidy looks only at
// files that differ from the last commit. C++ is skipped with a note when clang-tidy 14 is not installed.
import { availableParallelism } from 'node:os'
import { localHeaders } from './headers.mjs'
import { changedFiles, cppFiles, run, runAll, tool } from './tools.mjs'

let ok = run(tool('biome'), ['lint', '--error-on-warnings'])
ok = run(tool('eslint'), ['--max-warnings', '0', 'lib', 'test']) && ok
ok = (await lintCpp()) && ok
process.exitCode = ok ? 0 : 1

async function lintCpp() {
  const changed = process.argv.includes('--changed') ? new Set(changedFiles()) : undefined
  // kqueue's own header is not here; the stand-in of its test is, and the test build compiles it.
  const skip = /^bench\/|native\/test\/|poller_kqueue/
  const files = cppFiles().filter((file) => file.endsWith('.cc') && !skip.test(file))
  const wanted = changed ? files.filter((file) => changed.has(file)) : files
  if (wanted.length === 0) return true
  const clangTidy = tool('clang-tidy-14')
  if (!clangTidy) {
    process.stderr.write('lint: C++ skipped, clang-tidy-14 is not installed\n')
    return true
  }
  const jobs = wanted.map((file) => [clangTidy, ['--quiet', file, '--', ...compilerFlags()]])
  return runAll(jobs, availableParallelism())
}

function compilerFlags() {
  const headers = localHeaders()
  const node = headers ? ['-isystem', `${headers}/include/node`] : []
  return ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-DNAPI_VERSION=9', '-iquote', 'native', ...node]
}
