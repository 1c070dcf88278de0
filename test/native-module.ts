import { execFileSync } from 'node:child_process'
import { basename, join } from 'node:path'
import { ROOT } from './repo-files'
import { temporaryFolder } from './temporary-folder'

let folder: string | undefined
const made = new Set<string>()

/** A native module out of one source file of the repository, compiled once and as users do it: its path. */
export function compileModule(source: string, defines: readonly string[] = []): string {
  // Not before it is needed: a file of tests all of which are skipped has no end that would delete it.
  folder ??= temporaryFolder()
  const path = join(folder, `${[basename(source, '.c'), ...defines].join('-')}.so`)
  if (made.has(path)) return path
  const flags = [
    '-std=c11',
    '-D_GNU_SOURCE',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-shared',
    '-fPIC',
    '-Inative/include',
  ]
  const args = [...flags, ...defines.map((name) => `-D${name}`), '-o', path, source, '-lm']
  execFileSync(process.env.CC ?? 'cc', args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  })
  made.add(path)
  return path
}
