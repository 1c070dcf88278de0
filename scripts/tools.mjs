import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Path of a program: of this package's dependencies first, else from PATH, else undefined. */
export function tool(name) {
  const folders = [join(root, 'node_modules/.bin'), ...(process.env.PATH ?? '').split(delimiter)]
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** Runs a program with our output; true when it exits with 0. */
export function run(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status === 0
}

/** Runs `[program, args]` pairs, `width` at a time; shows the output of those that fail. */
export async function runAll(jobs, width) {
  const queue = [...jobs]
  let ok = true
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const { code, output } = await capture(...job)
      if (code === 0) continue
      ok = false
      process.stdout.write(output)
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return ok
}

function capture(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (output += text))
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** C++ files of the repository, those not added yet included. */
export function cppFiles() {
  return git('ls-files', '--cached', '--others', '--exclude-standard', 'native', 'bench').filter(
    (file) => /\.(h|cc|c)$/.test(file) && existsSync(join(root, file)),
  )
}

/** Files that differ from the last commit. */
export function changedFiles() {
  return [...git('diff', '--name-only', 'HEAD'), ...git('ls-files', '--others', '--exclude-standard')]
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean)
}
