import type { ConfigOverride } from '../config'

/** What an application is started from. */
export interface AppOptions {
  /** The configuration. Relative to the working directory. */
  readonly file: string
  /** Options that are set over what the file says, also after each reload. (CX-20) */
  readonly defines?: readonly ConfigOverride[]
  /** Read after all other files, and takes changes that have no other place when they are written back. (CF-31) */
  readonly localChangesFile?: string
  /** All changes go there when they are written back, also those of values that other files have. Default false. (CF-31) */
  readonly localChangesOnly?: boolean
  /** Folders with manifests of modules, beside those of `Module_Path`. */
  readonly modules?: readonly string[]
  /** Takes lines about what goes on: reloads by the console, services that could not be closed. Default: stderr. */
  readonly log?: (line: string) => void
  /** A worker thread, or a test, has no console socket. Default true: as the configuration says. */
  readonly control?: boolean
  /** Aborted, it ends the application, also while that starts: `App.start` rejects with ERR_CLOSED then. */
  readonly signal?: AbortSignal
}

/** What a reload says. */
export interface AppReload {
  /** Number of the generation that is active now. */
  readonly generation: number
  /** What could not be changed without a restart, one line each. */
  readonly warnings: readonly string[]
}

/** What `App.check` has found. */
export interface AppFindings {
  /** Each with file, line and the line itself where that is known. Empty: it would start. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}
