import { App } from '../app'
import { type Command, DONE, FAILED } from './command'
import { appOptions } from './app-options'
import { complain, list, say } from './terminal'

/** Reads a configuration and says everything that is wrong with it. */
export const check: Command = {
  name: 'check',
  usage: 'FILE [-D PATH=VALUE]… [--modules FOLDER]… [--local FILE [--local-only]]',
  summary: 'says what is wrong with a configuration, all of it',
  details:
    'Modules are loaded and asked to initialise themselves, handlers are loaded; nothing is opened. 1: something is wrong.',
  options: ['define', 'modules', 'local', 'local-only'],
  async run(line, terminal) {
    const options = appOptions('check', line, terminal)
    const { problems, warnings } = await App.check(options)
    for (const warning of warnings) complain(terminal, `warning: ${warning}`)
    for (const problem of problems) list(terminal, problem)
    if (problems.length === 0) say(terminal, `${options.file}: ok`)
    return problems.length === 0 ? DONE : FAILED
  },
}
