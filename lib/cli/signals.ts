/** What the signals of a serving process lead to. */
export interface SignalActions {
  stop(signal: NodeJS.Signals): void
  reload(): void
}

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

/**
 * SIGTERM and SIGINT end the process, the first with `stop`, the second as if nobody listened; SIGHUP reloads. One object a
 * process, to the end of it; it keeps nothing alive.
 */
export class Signals {
  readonly #actions: SignalActions
  readonly #end = (signal: NodeJS.Signals): void => this.#stop(signal)

  constructor(actions: SignalActions) {
    this.#actions = actions
    for (const signal of ENDING) process.on(signal, this.#end)
    process.on('SIGHUP', () => this.#actions.reload())
  }

  #stop(signal: NodeJS.Signals): void {
    // What comes second finds the signal as the system treats it: the end.
    this.#letEnd()
    this.#actions.stop(signal)
  }

  #letEnd(): void {
    for (const signal of ENDING) process.off(signal, this.#end)
  }
}
