import type { CommandLine, OptionName } from './command-line'
import type { Terminal } from './terminal'

/** Exit codes of the command. */
export const DONE = 0
export const FAILED = 1
export const WRONG_COMMAND_LINE = 2

/** A word behind `heddle`. */
export interface Command {
  readonly name: string
  /** Behind the name: `FILE [-D PATH=VALUE]…`. */
  readonly usage: string
  /** One line. */
  readonly summary: string
  /** What `help <name>` says beside that. */
  readonly details?: string
  readonly options: readonly OptionName[]
  /** From the first word on, all are words. */
  readonly wordsEnd?: boolean
  /** The exit code. UsageError; what else it throws is a failure, told in one line. */
  run(line: CommandLine, terminal: Terminal): Promise<number>
}
