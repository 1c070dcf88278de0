export type { CommandResult } from './answer'
export { MAX_LINE_BYTES, checkLine, splitWords } from './command-line'
export type { CommandCall, CommandFunction, CommandOptions, CommandScope } from './commands'
export {
  type AfterCommand,
  type BeforeCommand,
  type CommandSource,
  Control,
  type ControlOptions,
  type RunOptions,
} from './control'
export { ControlResponse, type ControlRow } from './response'
