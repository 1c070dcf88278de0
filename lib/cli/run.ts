import { App } from '../app'
import { described } from '../app/place'
import { type Command, DONE } from './command'
import { appOptions } from './app-options'
import { Signals } from './signals'
import { complain, say, type Terminal } from './terminal'

/** Serves what a configuration says until a signal, or the console, ends it. */
export const run: Command = {
  name: 'run',
  usage: 'FILE [-D PATH=VALUE]… [--modules FOLDER]… [--local FILE]',
  summary: 'loads a configuration and its modules, opens its listeners, serves',
  details: [
    'SIGTERM and SIGINT drain and end with 0; a second one ends at once. SIGHUP reloads the configuration.',
    'A configuration that is wrong, a module that fails or a port that is taken ends with 1.',
  ].join('\n'),
  options: ['define', 'modules', 'local'],
  async run(line, terminal) {
    const app = await App.start(appOptions('run', line, terminal))
    let isStopping = false
    const signals = new Signals({
      stop: (signal) => {
        isStopping = true
        say(terminal, `${signal}: draining, at most ${app.drainMs / 1000} s (again ends at once)`)
        void app.stop()
      },
      reload: () => {
        if (isStopping) return
        reload(app, terminal).catch((error: unknown) => {
          // What is under way when the end comes cannot be finished.
          if (!isStopping) complain(terminal, `SIGHUP: ${described(error)}`)
        })
      },
    })
    for (const text of app.banner()) say(terminal, text)
    try {
      await app.stopped
    } finally {
      signals.release()
    }
    say(terminal, 'done')
    return DONE
  },
}

async function reload(app: App, terminal: Terminal): Promise<void> {
  const { generation, warnings } = await app.reload()
  for (const warning of warnings) complain(terminal, warning)
  say(terminal, `SIGHUP: generation ${generation}`)
}
