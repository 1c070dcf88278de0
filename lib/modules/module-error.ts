import { HeddleError, type HeddleErrorOptions } from '../errors'

/** The times in the life of a module at which its own code runs. */
export type ModulePhase = 'load' | 'confSetup' | 'extInit' | 'control' | 'onExit'

/** Where in a manifest, or whose code in which phase. */
export interface ModuleErrorDetails extends HeddleErrorOptions {
  readonly module?: string
  readonly phase?: ModulePhase
  readonly file?: string
  readonly line?: number
}

/** An error of a module or of its manifest: names what it can. */
export class ModuleError extends HeddleError {
  /** The module, `name` or `name:instance`. */
  readonly module: string | undefined
  readonly phase: ModulePhase | undefined
  /** The manifest, or the file of the module. */
  readonly file: string | undefined
  /** Line of the manifest, from 1. */
  readonly line: number | undefined

  constructor(code: string, message: string, details: ModuleErrorDetails = {}) {
    super(code, message, details)
    this.module = details.module
    this.phase = details.phase
    this.file = details.file
    this.line = details.line
  }
}

/** An error at a line of a manifest. (MO-01) */
export function manifestError(file: string, line: number, text: string, code = 'ERR_MANIFEST'): ModuleError {
  return new ModuleError(code, `${file}:${line}: ${text}`, { file, line })
}

/** What was thrown, in words, whatever it is: a message getter may throw as well. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message)
    return typeof thrown === 'object' && thrown !== null ? 'an object was thrown' : String(thrown)
  } catch {
    return 'an error that cannot be read'
  }
}
