import { version } from '../version'
import { type Command, DONE } from './command'
import { say } from './terminal'
import { UsageError } from './usage-error'

/** What is installed here, not what runs elsewhere: that is `heddle console version`. */
export const versionCommand: Command = {
  name: 'version',
  usage: '',
  summary: 'versions of the package, of the core and of Node',
  options: [],
  async run({ words }, terminal) {
    if (words.length > 0) throw new UsageError(`heddle version takes no words, such as '${words[0]}'`)
    const { package: own, native, napi } = version()
    const core = native === undefined ? 'pure JavaScript' : `native core ${native}`
    say(terminal, `heddle ${own} (${core}), Node ${process.versions.node}, Node-API ${napi}`)
    return DONE
  },
}
