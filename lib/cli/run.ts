import { App } from '../app'
import { described } from '../app/place'
import { HeddleError } from '../errors'
import { type Command, DONE } from './command'
import { appOptions } from './app-options'
import { Reloads } from './reloads'
import { Signals } from './signals'
import { complain, say, type Terminal } from './terminal'

/** Serves what a configuration says until a signal, or the console, ends it. */
export const run: Command = {
  name: 'run',
  usage: 'FILE [-D PATH=VALUE]… [--modules FOLDER]… [--local FILE [--local-only]]',
  summary: 'loads a configuration and its modules, opens its listeners, serves',
  details: [
    'SIGTERM and SIGINT drain and end with 0; a second one ends at once. SIGHUP reloads the configuration.',
    'A configuration that is wrong, a module that fails or a port that is taken ends with 1.',
  ].join('\n'),
  options: ['define', 'modules', 'local', 'local-only'],
  async run(line, terminal) {
    const options = appOptions('run', line, terminal)
    const ending = new AbortController()
    let app: App | undefined
    const reloads = new Reloads((serving) => reload(serving, terminal))
    // From here to the end of the process: a reload that is asked for while it starts, or ends, must not end it.
    new Signals({
      stop: (signal) => {
        say(terminal, `${signal}: ${app === undefined ? 'ending' : draining(app)}`)
        ending.abort()
      },
      reload: () => reloads.ask(),
    })
    try {
      app = await App.start({ ...options, signal: ending.signal })
    } catch (error) {
      if (!isStopped(error)) throw error
      say(terminal, 'done')
      return DONE
    }
    for (const text of app.banner()) say(terminal, text)
    reloads.serve(app)
    await app.stopped
    say(terminal, 'done')
    return DONE
  },
}

function draining({ drainMs }: App): string {
  const time = drainMs === 0 ? 'as long as it takes' : `at most ${drainMs / 1000} s`
  return `draining, ${time} (again ends at once)`
}

/** Somebody wanted the end before all of it served; that is no failure. */
function isStopped(error: unknown): boolean {
  return error instanceof HeddleError && error.code === 'ERR_CLOSED'
}

async function reload(app: App, terminal: Terminal): Promise<void> {
  try {
    const { generation, warnings } = await app.reload()
    if (app.isStopping) return
    for (const warning of warnings) complain(terminal, warning)
    say(terminal, `SIGHUP: generation ${generation}`)
  } catch (error) {
    // What is under way when the end comes cannot be finished.
    if (!app.isStopping) complain(terminal, `SIGHUP: ${described(error)}`)
  }
}
