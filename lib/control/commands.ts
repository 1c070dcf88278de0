import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { ControlResponse } from './response'

/** What a command is told of its call. */
export interface CommandCall {
  /** The name it was called by, in lower case. */
  readonly name: string
  /** What followed the name, as it was typed, without blanks at its ends. */
  readonly rest: string
  /** The words of `rest`, quotation marks resolved. EINVAL when one is not closed. */
  readonly words: readonly string[]
  /** Whether XML was asked for; `ControlResponse` takes care of it. */
  readonly xml: boolean
  /**
   * Whose command it is: one signal for all that a client says, aborted when it has left. Undefined: the program, or whoever
   * called `run` without one.
   */
  readonly caller: AbortSignal | undefined
  /** Aborted when the caller has left or the time of the command is over. */
  readonly signal: AbortSignal
}

/**
 * A command. It appends to the response, or returns text to be appended, or a promise of it; of other values nothing becomes.
 * What it throws or rejects with becomes the text of an answer that has failed.
 */
export type CommandFunction = (response: ControlResponse, call: CommandCall) => unknown

/** For how long a command stays: that of the process, or until the next generation of the configuration. (CN-05) */
export type CommandScope = 'process' | 'generation'

/** How a command is registered. */
export interface CommandOptions {
  /** Default 'process'. */
  readonly scope?: CommandScope
  /** What it does, or the same by what may follow its name: `{ '': 'lists them', 'get <name>': 'shows one' }`. */
  readonly help?: string | Readonly<Record<string, string>>
}

/** A line of the help: how a command is written, and what it does. */
export interface CommandUsage {
  readonly usage: string
  readonly does: string
}

/** A registered command. */
export interface Command {
  readonly name: string
  readonly scope: CommandScope
  readonly run: CommandFunction
  readonly usages: readonly CommandUsage[]
}

const SCOPES = ['process', 'generation']
const NAME = /^[a-z0-9_][a-z0-9_.:-]*$/

/** ERR_INVALID_ARGUMENT. */
export function checkCommand(name: string, run: CommandFunction, options: CommandOptions = {}): Command {
  const lower = commandName(name)
  if (typeof run !== 'function') throw invalid(`command ${lower}`, 'is a function', run)
  if (typeof options !== 'object' || options === null)
    throw invalid('the options of a command', 'are an object', options)
  const { scope = 'process', help = {} } = options
  if (!SCOPES.includes(scope)) throw invalid('scope', "is 'process' or 'generation'", scope)
  return { name: lower, scope, run, usages: usagesOf(lower, help) }
}

/** In lower case, as it is found by. ERR_INVALID_ARGUMENT. */
export function commandName(name: string): string {
  const lower = typeof name === 'string' ? name.toLowerCase() : ''
  if (NAME.test(lower) && lower !== 'xml') return lower
  throw invalid('the name of a command', 'is one word of letters, digits and _ . : -, and not xml', name)
}

function usagesOf(name: string, help: string | Readonly<Record<string, string>>): CommandUsage[] {
  if (typeof help === 'string') return [{ usage: name, does: oneLine(help) }]
  if (typeof help !== 'object' || help === null) throw invalid('help', 'is text, or an object of texts', help)
  const lines = Object.entries(help)
  if (lines.length === 0) return [{ usage: name, does: '' }]
  return lines.map(([after, does]) => ({ usage: oneLine(`${name} ${after}`), does: oneLine(does) }))
}

function oneLine(text: string): string {
  if (typeof text === 'string') return text.trim().replace(/\s+/g, ' ')
  throw invalid('help', 'is text', text)
}

/** Commands of one generation of the configuration, and which of them run. */
export class CommandGeneration {
  readonly #commands = new Map<string, Command>()
  #running = 0
  #idle: PromiseWithResolvers | undefined

  /** ERR_NAME_TAKEN: the generation has it. */
  add(command: Command): void {
    if (this.#commands.has(command.name)) throw taken(command.name)
    this.#commands.set(command.name, command)
  }

  remove(name: string): boolean {
    return this.#commands.delete(name)
  }

  find(name: string): Command | undefined {
    return this.#commands.get(name)
  }

  list(): readonly Command[] {
    return [...this.#commands.values()]
  }

  begun(): void {
    this.#running++
  }

  ended(): void {
    if (--this.#running > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }

  /** Resolves when no command of this generation runs. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve()
    this.#idle ??= withResolvers()
    return this.#idle.promise
  }
}

/** Node 20 has no Promise.withResolvers. */
interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

export function taken(name: string): HeddleError {
  return new HeddleError('ERR_NAME_TAKEN', `a command is called ${name} already`)
}
