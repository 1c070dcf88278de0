import { DONE, FAILED, WRONG_COMMAND_LINE } from './command'
import { readCommandLine } from './command-line'
import { COMMANDS } from './commands'
import { helpOnAll, helpOnOne } from './help'
import { problemsOf } from '../app/problems'
import { complain, say, type Terminal } from './terminal'
import { UsageError } from './usage-error'

/**
 * The `heddle` command: the exit code for its words. 0: done. 1: what was asked failed, with one line on the error output that
 * says why. 2: the command line is wrong. Never rejects. (CN-04)
 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, terminal)
  } catch (error) {
    complain(terminal, told(error))
    return error instanceof UsageError ? WRONG_COMMAND_LINE : FAILED
  }
}

/** In one line; `heddle check` has the rest. */
function told(error: unknown): string {
  const [first = '', ...more] = problemsOf(error)
  const line = first.split('\n', 1)[0] as string
  return more.length === 0 ? line : `${line} (and ${more.length} more, see heddle check)`
}

async function dispatch([name, ...argv]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === undefined) throw new UsageError('a command is missing; `heddle help` names them')
  if (name === 'help' || name === '--help' || name === '-h') return help(argv, terminal)
  const command = find(name === '--version' || name === '-v' ? 'version' : name)
  const line = readCommandLine(command.name, argv, command.options, command.wordsEnd)
  if (!line.help) return command.run(line, terminal)
  say(terminal, helpOnOne(command))
  return DONE
}

function help([name, more]: readonly string[], terminal: Terminal): number {
  if (more !== undefined) throw new UsageError(`heddle help takes one command, not '${more}' as well`)
  say(terminal, name === undefined ? helpOnAll(COMMANDS) : helpOnOne(find(name)))
  return DONE
}

function find(name: string) {
  const command = COMMANDS.find((one) => one.name === name)
  if (command === undefined) throw new UsageError(`there is no command '${name}'; \`heddle help\` names them`)
  return command
}
