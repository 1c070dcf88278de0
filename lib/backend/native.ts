import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { HeddleError } from '../errors'
import type { Backend } from './backend'
import { PACKAGE_ROOT, libc, prebuiltFile } from './platform'

/** What the addon says it was compiled with; a test compares it with `protocol.ts`. */
export interface NativeProtocol {
  readonly In: Record<string, number>
  readonly Out: Record<string, number>
  readonly Control: Record<string, number>
}

/** The addon is a backend as it stands, plus its view of the protocol. */
export interface NativeBackend extends Backend {
  readonly protocol: NativeProtocol
  /** When the last isolate of the process has ended, says on stderr whether native memory is left. */
  reportMemoryAtEnd(): void
}

/** One place where the addon was looked for, and what came of it. */
export interface Attempt {
  readonly path: string
  readonly message: string
}

/**
 * Loads the addon: the file named by HEDDLE_NATIVE, else the build of a checkout, else the prebuilt binary of this
 * platform (that of the C library found first, then the other). Throws ERR_NATIVE_REQUIRED with every path tried.
 * Each isolate loads its own instance. (PK-01, PK-06)
 */
export function loadNative(): NativeBackend {
  const attempts: Attempt[] = []
  for (const path of candidates()) {
    if (!existsSync(path)) {
      attempts.push({ path, message: 'not there' })
      continue
    }
    try {
      const native = require(path) as NativeBackend
      if (process.env.HEDDLE_MEMORY_REPORT === '1') native.reportMemoryAtEnd()
      return native
    } catch (error) {
      attempts.push({ path, message: firstLine(error) })
    }
  }
  throw new HeddleError('ERR_NATIVE_REQUIRED', describe(attempts))
}

function candidates(): string[] {
  const named = process.env.HEDDLE_NATIVE
  if (named) return [resolve(named)]
  const own = libc()
  const other = own === 'musl' ? 'glibc' : 'musl'
  return [join(PACKAGE_ROOT, 'build/Release/heddle.node'), prebuiltFile(own), prebuiltFile(other)]
}

function describe(attempts: readonly Attempt[]): string {
  const system = `${process.platform}-${process.arch}, ${libc()}, Node ${process.version}`
  const tried = attempts.map(({ path, message }) => `${path}: ${message}`)
  return `the native core could not be loaded (${system}); tried ${tried.join('; ')}`
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] as string
}
