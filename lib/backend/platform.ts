import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The package folder, from `lib/backend` and from `dist/backend` alike. */
export const PACKAGE_ROOT = resolve(__dirname, '../..')

/** The compiled form of a file of this package, for worker threads to load; `path` is below `dist`. */
export function compiledFile(path: string): string {
  return __filename.endsWith('.js') ? join(__dirname, '..', path) : join(PACKAGE_ROOT, 'dist', path)
}

export type Libc = 'glibc' | 'musl'

/** The C library of this system. Reading ldd costs half a millisecond; asking `process.report` costs several. */
export function libc(): Libc {
  if (process.platform !== 'linux') return 'glibc'
  try {
    return readFileSync('/usr/bin/ldd', 'utf8').includes('musl') ? 'musl' : 'glibc'
  } catch {
    return 'glibc'
  }
}

/** Where the bundled binary of this platform lies; platforms other than Linux carry the tag `glibc` too. */
export function prebuiltFile(tag: Libc): string {
  return join(PACKAGE_ROOT, 'prebuilds', `${process.platform}-${process.arch}`, `heddle.${tag}.node`)
}
