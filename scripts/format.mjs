// Formats everything (`--check`: only says what is not formatted). C++ needs clang-format 14, skipped with a note
// when it is not installed: its output differs between versions.
import { cppFiles, root, run, tool } from './tools.mjs'

const check = process.argv.includes('--check')

let ok = run(tool('biome'), ['format', ...(check ? [] : ['--write']), '--no-errors-on-unmatched'])
ok = formatCpp() && ok
process.exitCode = ok ? 0 : 1

function formatCpp() {
  const files = cppFiles()
  if (files.length === 0) return true
  const clangFormat = tool('clang-format-14')
  if (!clangFormat) {
    process.stderr.write(`format: C++ skipped, clang-format-14 is not installed (${root})\n`)
    return true
  }
  return run(clangFormat, [...(check ? ['--dry-run', '-Werror'] : ['-i']), ...files])
}
