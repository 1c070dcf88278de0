import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SOURCES = fileURLToPath(new URL('../reference/', import.meta.url))
const BINARIES = fileURLToPath(new URL('../build/', import.meta.url))
const FLAGS = ['-O3', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra']

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

function isStale(binary) {
  const built = modified(binary)
  return readdirSync(SOURCES).some((file) => modified(SOURCES + file) > built)
}

/** Path of a program of bench/reference, compiled first if a source there is newer than it. */
export function referenceProgram(name) {
  const binary = BINARIES + name
  if (isStale(binary)) {
    mkdirSync(BINARIES, { recursive: true })
    execFileSync('cc', [...FLAGS, '-o', binary, `${SOURCES}${name}.c`], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }
  return binary
}
