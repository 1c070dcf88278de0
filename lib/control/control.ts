import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { answerOf, type CommandResult } from './answer'
import { CommandLine, checkLine } from './command-line'
import {
  type Command,
  type CommandCall,
  type CommandFunction,
  CommandGeneration,
  type CommandOptions,
  type CommandScope,
  checkCommand,
  commandName,
  taken,
} from './commands'
import { ControlResponse } from './response'

/** Limits of the commands. */
export interface ControlOptions {
  /** Milliseconds a command may take; its answer is ETIME then, and the next one begins. Default 120,000; 0: no limit. */
  readonly timeout?: number
  /** Bytes an answer may have. Default 16 MiB. */
  readonly maxAnswerBytes?: number
}

/** How one line is run. */
export interface RunOptions {
  /** An XML document instead of text, as the word `xml` before the command asks for. Default false. */
  readonly xml?: boolean
  /** The caller has left: a command that waits is dropped, one that runs is told. */
  readonly signal?: AbortSignal
  /** Whose command it is; a client gives the same one with each, and aborts it when it leaves. */
  readonly caller?: AbortSignal
}

/** Commands that others have: a line whose first word no command has is offered to them. (CN-01) */
export interface CommandSource {
  /** By the name in lower case; undefined: there is none. */
  find(name: string): CommandFunction | undefined
  /** For the help. */
  list(): readonly { readonly usage: string; readonly does: string }[]
}

/** Runs before each command; what it throws or rejects with refuses the command. */
export type BeforeCommand = (call: CommandCall) => void | Promise<void>
/** Runs after each command with what it came to. Its exceptions are uncaught ones. */
export type AfterCommand = (call: CommandCall, result: CommandResult) => void | Promise<void>

interface Waiting {
  readonly line: CommandLine
  readonly signal: AbortSignal | undefined
  readonly caller: AbortSignal | undefined
  /** Of the caller, whose async context the command has, not that of whoever came before it. */
  readonly context: AsyncResource
  readonly settle: (result: CommandResult | undefined) => void
}

/** Set while a command runs, for what it calls; `isOver` once it has ended. */
interface Running {
  isOver: boolean
}

/**
 * The commands of a process and the queue through which they run: one after the other, whoever asks, so that each sees what
 * the one before has left, and answers whole. A command may wait; the loop goes on meanwhile.
 *
 * Thread rule: the isolate that made it. (CN-01, CN-05, CN-09)
 */
export class Control {
  readonly #timeoutMs: number
  readonly #maxAnswerBytes: number
  readonly #commands = new Map<string, Command>()
  readonly #sources = new Set<CommandSource>()
  readonly #before = new Set<BeforeCommand>()
  readonly #after = new Set<AfterCommand>()
  readonly #queue = new Set<Waiting>()
  readonly #running = new AsyncLocalStorage<Running>()
  #generation = new CommandGeneration()
  #pending: CommandGeneration | undefined
  /** Those that are not in force any more, and whose readers may not be gone. */
  readonly #old = new Map<number, CommandGeneration>()
  #isBusy = false

  constructor(options: ControlOptions = {}) {
    if (typeof options !== 'object' || options === null)
      throw invalid('the options of Control', 'are an object', options)
    this.#timeoutMs = limit('timeout', options.timeout, 120_000)
    this.#maxAnswerBytes = limit('maxAnswerBytes', options.maxAnswerBytes, 16 * 1024 * 1024)
  }

  /**
   * Adds a command. Of scope 'process' it replaces the one that has the name, for as long as the process runs. Of scope
   * 'generation' it lasts until the next generation of the configuration is in force, and while one is being prepared, it is
   * that one's. Names have no case. ERR_NAME_TAKEN: a command of a generation cannot have the name of another. (CN-05)
   */
  register(name: string, run: CommandFunction, options: CommandOptions = {}): void {
    const command = checkCommand(name, run, options)
    if (command.scope === 'process') {
      this.#commands.set(command.name, command)
      return
    }
    if (this.#commands.has(command.name)) throw taken(command.name)
    const generation = this.#pending ?? this.#generation
    generation.add(command)
  }

  /** Takes a command away; false: there was none. */
  unregister(name: string, scope: CommandScope = 'process'): boolean {
    const lower = commandName(name)
    if (scope === 'process') return this.#commands.delete(lower)
    const generation = this.#pending ?? this.#generation
    return generation.remove(lower)
  }

  /** Offers the commands of others after those that are registered. Returns what takes them away. */
  offer(source: CommandSource): () => void {
    this.#sources.add(source)
    return () => void this.#sources.delete(source)
  }

  /** Every command as the help lists it, by name. */
  commands(): readonly { readonly usage: string; readonly does: string }[] {
    const own = [...this.#commands.values(), ...this.#generation.list()]
    const lines = own.flatMap(({ usages }) => usages)
    for (const source of this.#sources) lines.push(...source.list())
    return lines.sort((a, b) => (a.usage < b.usage ? -1 : Number(a.usage > b.usage)))
  }

  /** Calls `hook` before each command, in the order of registration. Returns what takes it away. (CN-05) */
  before(hook: BeforeCommand): () => void {
    if (typeof hook !== 'function') throw invalid('before takes', 'a function', hook)
    this.#before.add(hook)
    return () => void this.#before.delete(hook)
  }

  /** Calls `hook` after each command. Returns what takes it away. (CN-05) */
  after(hook: AfterCommand): () => void {
    if (typeof hook !== 'function') throw invalid('after takes', 'a function', hook)
    this.#after.add(hook)
    return () => void this.#after.delete(hook)
  }

  /** Commands that wait or run. (CN-09) */
  get queueDepth(): number {
    return this.#queue.size + Number(this.#isBusy)
  }

  /**
   * Runs one line when those before it are over. Resolves also where the command fails: `ok` is false then. Rejects with
   * ERR_INVALID_ARGUMENT for what is no line, with the reason of the signal, and with EDEADLK inside of a command, which would
   * wait for itself. (CN-09)
   */
  async run(line: string, { xml = false, signal, caller }: RunOptions = {}): Promise<CommandResult> {
    checkLine(line)
    for (const [name, value] of Object.entries({ signal, caller }))
      if (value !== undefined && !(value instanceof AbortSignal))
        throw invalid(name, 'is an AbortSignal', value)
    signal?.throwIfAborted()
    if (this.#running.getStore()?.isOver === false)
      throw new HeddleError('EDEADLK', 'a command cannot wait for another: it would wait for its own end')
    const result = await this.#enqueue(new CommandLine(line, xml), signal, caller)
    if (result === undefined) throw signal?.reason
    return result
  }

  /**
   * A participant of the configuration: commands of scope 'generation' that are registered while a transaction is under way
   * come into force with it, and go with its generation, which waits for those of them that run.
   */
  readonly generations = {
    load: (): void => {
      this.#pending = new CommandGeneration()
    },
    commit: (txn: { readonly generation: number }): void => {
      if (this.#pending === undefined) return
      // That of the transaction is the one it began from.
      this.#old.set(txn.generation, this.#generation)
      this.#generation = this.#pending
      this.#pending = undefined
    },
    abort: (): void => {
      this.#pending = undefined
    },
    destroy: async (number: number): Promise<void> => {
      const generation = this.#old.get(number)
      this.#old.delete(number)
      await generation?.idle()
    },
  }

  #enqueue(
    line: CommandLine,
    signal: AbortSignal | undefined,
    caller: AbortSignal | undefined,
  ): Promise<CommandResult | undefined> {
    return new Promise((resolve) => {
      const left = (): void => waiting.settle(undefined)
      const waiting: Waiting = {
        line,
        signal,
        caller,
        context: new AsyncResource('HeddleCommand'),
        settle: (result) => {
          signal?.removeEventListener('abort', left)
          this.#queue.delete(waiting)
          resolve(result)
        },
      }
      signal?.addEventListener('abort', left)
      this.#queue.add(waiting)
      if (!this.#isBusy) void this.#work()
    })
  }

  /** Runs what waits, in order. One that has begun is no longer in the queue. */
  async #work(): Promise<void> {
    this.#isBusy = true
    try {
      for (let [next] = this.#queue; next !== undefined; [next] = this.#queue) {
        await this.#workOn(next)
        // Commands that never wait must not keep the loop from its other work.
        if (this.#queue.size > 0) await new Promise<void>((resolve) => void setImmediate(resolve))
      }
    } finally {
      this.#isBusy = false
    }
  }

  async #workOn(next: Waiting): Promise<void> {
    this.#queue.delete(next)
    next.settle(await next.context.runInAsyncScope(() => this.#perform(next)))
  }

  /** Never rejects. */
  async #perform({ line, signal, caller }: Waiting): Promise<CommandResult> {
    const response = new ControlResponse(line.xml, this.#maxAnswerBytes)
    const over = new AbortController()
    const call: CommandCall = {
      name: line.name,
      rest: line.rest,
      xml: line.xml,
      caller,
      signal: over.signal,
      get words() {
        return line.words
      },
    }
    // Not by AbortSignal.any: the signal of a caller may outlive any number of commands, and would remember each.
    const left = (): void => over.abort(signal?.reason)
    if (signal?.aborted) left()
    signal?.addEventListener('abort', left)
    const failure = await this.#limited(line, () => this.#obey(response, call), over)
    signal?.removeEventListener('abort', left)
    const result = answerOf(line.text, response, failure)
    response.end()
    for (const hook of this.#after) this.#callAfter(hook, call, result)
    return result
  }

  /** Nothing; or, in an array of one, what it threw, which may be nothing as well. */
  async #limited(
    line: CommandLine,
    work: () => Promise<void>,
    over: AbortController,
  ): Promise<[unknown] | undefined> {
    const running: Running = { isOver: false }
    const outcome = this.#running.run(running, work).then(
      () => undefined,
      (error: unknown): [unknown] => [error],
    )
    const late = this.#deadline(line)
    const failure = await Promise.race([outcome, late.expired])
    late.clear()
    running.isOver = true
    if (failure !== undefined) over.abort(failure[0])
    return failure
  }

  #deadline(line: CommandLine): { readonly expired: Promise<[unknown]>; clear(): void } {
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<[unknown]>((resolve) => {
      if (this.#timeoutMs === 0) return
      const text = `${line.name} goes on after ${this.#timeoutMs} ms; its answer will be lost`
      timer = setTimeout(() => resolve([new HeddleError('ETIME', text)]), this.#timeoutMs)
    })
    return { expired, clear: () => clearTimeout(timer) }
  }

  async #obey(response: ControlResponse, call: CommandCall): Promise<void> {
    if (call.name === '') return
    for (const hook of this.#before) await hook(call)
    const generation = this.#generation
    const command = this.#commands.get(call.name) ?? generation.find(call.name)
    if (command?.scope !== 'generation') {
      await this.#append(response, call, command?.run ?? this.#offered(call.name))
      return
    }
    generation.begun()
    try {
      await this.#append(response, call, command.run)
    } finally {
      generation.ended()
    }
  }

  async #append(response: ControlResponse, call: CommandCall, run: CommandFunction): Promise<void> {
    const text = await run(response, call)
    if (typeof text === 'string') response.push(text)
  }

  #offered(name: string): CommandFunction {
    for (const source of this.#sources) {
      const found = source.find(name)
      if (found !== undefined) return found
    }
    throw new HeddleError('ENOENT', `unknown command '${name}'; help lists those there are`)
  }

  #callAfter(hook: AfterCommand, call: CommandCall, result: CommandResult): void {
    const uncaught = (error: unknown): void => {
      queueMicrotask(() => {
        throw error
      })
    }
    try {
      Promise.resolve(hook(call, result)).catch(uncaught)
    } catch (error) {
      uncaught(error)
    }
  }
}

/** setTimeout takes no more. */
const MAX_LIMIT = 2 ** 31 - 1

function limit(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= 0 && value <= MAX_LIMIT) return value
  throw invalid(name, 'is an integer from 0 to 2147483647', value)
}
