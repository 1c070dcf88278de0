import {
  type CommitResult,
  type Config,
  ConfigError,
  Dictionary,
  parsePath,
  type Transaction,
} from '../config'
import type { CommandCall, Control, ControlResponse } from '../control'
import { HeddleError } from '../errors'
import { BY, Collected } from './collected'
import { type Depth, printRaw, printStanza, warningText } from './config-text'

/** What stands behind the name of a command, and whose it is. */
interface Asked {
  readonly rest: string
  /** EINVAL. */
  readonly words: readonly string[]
  /** Undefined: the program. */
  readonly caller: AbortSignal | undefined
}

type Run = (response: ControlResponse, asked: Asked) => void | Promise<void>

/**
 * The commands `config …`. What they change is active at once, and gone with the next reload unless it is written back; after
 * `config begin` the changes of that client are collected until `config commit`, or until it leaves. What is read is the active
 * generation, or what was begun. (CN-02, CN-04, CF-02, CF-28)
 */
export class ConfigCommands {
  readonly #config: Config
  /** By whose they are. */
  readonly #begun = new Map<AbortSignal | undefined, Collected>()
  /** Those whose end is waited for. */
  readonly #followed = new WeakSet<AbortSignal>()
  readonly #commands: Readonly<Record<string, Run>> = {
    reload: alone((response, asked) => this.#reload(response, asked)),
    get: (response, asked) => this.#get(response, asked),
    show: (response, asked) => this.#show(response, asked, 'heads'),
    showrecurse: (response, asked) => this.#show(response, asked, 'all'),
    eval: (response, asked) => this.#eval(response, asked),
    set: (response, asked) => this.#set(response, asked),
    unset: (response, asked) =>
      this.#change(response, asked, (txn) =>
        mustBe(txn.unset(asked.rest), `nothing is set at ${asked.rest}`),
      ),
    remove: (response, asked) =>
      this.#change(response, asked, (txn) =>
        mustBe(txn.remove(asked.rest), `there is no stanza ${asked.rest}`),
      ),
    locate: (response, asked) => this.#locate(response, asked),
    options: (response, asked) => this.#options(response, asked),
    generations: alone((response) => this.#generations(response)),
    write: alone((response) => this.#write(response)),
    begin: (response, asked) => this.#begin(response, asked),
    commit: alone((response, asked) => this.#commit(response, asked)),
    replay: alone((response, asked) => this.#replay(response, asked)),
    rollback: alone((response, asked) => this.#rollback(response, asked)),
  }

  constructor(config: Config) {
    this.#config = config
  }

  register(control: Control): void {
    control.register('config', (response, call) => this.#run(response, call), { help: HELP })
  }

  async #run(response: ControlResponse, call: CommandCall): Promise<void> {
    const { rest, caller } = call
    const [name = ''] = rest.split(/\s/, 1)
    const key = name.toLowerCase()
    const command = Object.hasOwn(this.#commands, key) ? this.#commands[key] : undefined
    if (command === undefined) {
      response.fail(`config ${name}: say config ${Object.keys(this.#commands).join('|')}\n`)
      return
    }
    try {
      await command(response, {
        rest: rest.slice(name.length).trim(),
        caller,
        get words() {
          return call.words.slice(1)
        },
      })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      report(response, error)
    }
  }

  async #reload(response: ControlResponse, { caller }: Asked): Promise<void> {
    if (this.#begun.has(caller))
      throw new HeddleError(
        'ERR_CONFIG_TRANSACTION',
        'not inside of a transaction: config commit, or config rollback',
      )
    tell(response, await this.#config.reload())
  }

  #get(response: ControlResponse, { rest, caller }: Asked): void {
    this.#read(caller, (txn) => {
      const raw = txn.get(rest)
      if (raw === undefined) throw new HeddleError('ENOENT', `nothing is set at ${rest}`)
      response.push(`${printRaw(raw)}\n`)
    })
  }

  #show(response: ControlResponse, { rest, caller }: Asked, depth: Depth): void {
    this.#read(caller, (txn) => {
      const raw = rest === '' || rest.toLowerCase() === 'global' ? undefined : settingOf(txn, rest)
      if (raw !== undefined) {
        response.push(`${printRaw(raw)}\n`)
        return
      }
      const stanza = txn.stanza(rest)
      if (stanza === undefined) throw new HeddleError('ENOENT', `nothing is set at ${rest}`)
      response.push(printStanza(stanza, depth))
    })
  }

  #eval(response: ControlResponse, { words, caller }: Asked): void {
    const [name = '', ...pairs] = words
    const [module, key] = name.includes('.') ? split(name) : [undefined, name]
    const slot = this.#config.slot(key, module)
    if (slot === undefined) throw new HeddleError('ENOENT', `no option, or more than one, is called ${name}`)
    const txn = this.#begun.get(caller)?.txn ?? null
    using value = this.#config.fetchGeneric(txn, slot, null, pairs)
    response.push(`${shown(value.value)}\n`)
  }

  /** `path = text`, or `path text` where the path is one word. */
  async #set(response: ControlResponse, asked: Asked): Promise<void> {
    const [path, text] = assignment(asked.rest)
    await this.#change(response, asked, (txn) => void txn.setText(path, text))
  }

  #locate(response: ControlResponse, { words: [name, ...more] }: Asked): void {
    if (name === undefined || more.length > 0)
      throw new HeddleError('EINVAL', 'config locate takes a name or /expression/')
    response.table('setting', this.#config.locate(expression(name) ?? name))
  }

  #options(response: ControlResponse, { words: [module, ...more] }: Asked): void {
    if (more.length > 0) throw new HeddleError('EINVAL', 'config options takes a module, or nothing')
    const found = this.#config.options(module === undefined ? {} : { module })
    if (found.length === 0 && module !== undefined)
      throw new HeddleError('ENOENT', `no option is of a module ${module}`)
    response.table(
      'option',
      found.map(({ module, name, type, isArray, scope, default: fallback, origin }) => ({
        module,
        name,
        type: isArray ? `${type}[]` : type,
        scope,
        default: fallback,
        origin,
      })),
    )
  }

  #generations(response: ControlResponse): void {
    const { generation, holds } = this.#config.stats()
    const live = this.#config.liveGenerations().join(' ')
    response.fields({ generation, live, holds, dirty: this.#config.dirty })
  }

  async #write(response: ControlResponse): Promise<void> {
    await this.#config.writeBack()
    response.push('written\n')
  }

  #begin(response: ControlResponse, { rest, caller }: Asked): void {
    if (rest !== '' && rest.toLowerCase() !== 'scratch')
      throw new HeddleError('EINVAL', 'config begin takes the word scratch, or nothing')
    if (this.#begun.has(caller))
      throw new HeddleError('EBUSY', 'a transaction is under way: config commit, or config rollback')
    // It has left while this command waited; nobody would end what it begins.
    caller?.throwIfAborted()
    const collected = new Collected(this.#config, rest !== '')
    this.#begun.set(caller, collected)
    if (caller !== undefined) this.#follow(caller)
    response.push(`begun from generation ${collected.generation}\n`)
  }

  async #commit(response: ControlResponse, { caller }: Asked): Promise<void> {
    const result = await this.#open(caller).commit()
    this.#forget(caller)
    tell(response, result)
  }

  #replay(response: ControlResponse, { caller }: Asked): void {
    const collected = this.#open(caller)
    collected.replay()
    response.push(`begun from generation ${collected.generation}\n`)
  }

  #rollback(response: ControlResponse, { caller }: Asked): void {
    this.#open(caller)
    this.#forget(caller)
    response.push('forgotten\n')
  }

  #follow(caller: AbortSignal): void {
    if (this.#followed.has(caller)) return
    this.#followed.add(caller)
    caller.addEventListener('abort', () => this.#forget(caller), { once: true })
  }

  #forget(caller: AbortSignal | undefined): void {
    this.#begun.get(caller)?.rollback()
    this.#begun.delete(caller)
  }

  #open(caller: AbortSignal | undefined): Collected {
    const collected = this.#begun.get(caller)
    if (collected !== undefined) return collected
    throw new HeddleError('ENOENT', 'no transaction is under way: config begin')
  }

  async #change(
    response: ControlResponse,
    { caller }: Asked,
    change: (txn: Transaction) => void,
  ): Promise<void> {
    const collected = this.#begun.get(caller)
    if (collected === undefined) {
      tell(response, await this.#config.transaction(change, { by: BY }))
      return
    }
    change(collected.txn)
    response.push('noted\n')
  }

  #read(caller: AbortSignal | undefined, read: (txn: Transaction) => void): void {
    const collected = this.#begun.get(caller)
    if (collected !== undefined) {
      read(collected.txn)
      return
    }
    using txn = this.#config.begin({ by: BY })
    read(txn)
  }
}

/** Of a command with nothing behind its name. */
function alone(run: Run): Run {
  return (response, asked) => {
    if (asked.rest !== '') throw new HeddleError('EINVAL', 'that command takes no words')
    return run(response, asked)
  }
}

const HELP = {
  reload: 'reads the file again; what was changed here is gone',
  'get <path>': 'shows a setting as it was set there',
  'show [path]': 'shows a setting, or the settings of a stanza and what stanzas are in it',
  'showrecurse [path]': 'shows a stanza, or all, with the stanzas in it',
  'eval <option> [<scope> <instance>]': 'shows the value that holds there, with fallback and default',
  'set <path> = <value>': 'sets an option',
  'unset <path>': 'takes a setting away',
  'remove <stanza>': 'takes a stanza away',
  'locate <name>': 'shows where an option is set; /expression/ for several',
  'options [module]': 'lists options with type, scope, default and origin',
  generations: 'shows the active generation, and those that somebody reads',
  write: 'writes what was changed here to the files it belongs to',
  'begin [scratch]': 'collects the changes that follow from this client, as long as it stays',
  commit: 'makes them active together; where that fails they are still collected',
  replay: 'makes them again, to what is active now',
  rollback: 'forgets them',
}

function tell(response: ControlResponse, { generation, warnings, output }: CommitResult): void {
  response.fields({ generation })
  if (response.xml) {
    response.table(
      'warning',
      warnings.map(({ option, place, message }) => ({ option, place, message })),
    )
    response.table(
      'output',
      output.map(({ module, text }) => ({ module, text })),
    )
    return
  }
  for (const warning of warnings) response.push(`warning: ${warningText(warning)}\n`)
  for (const { module, text } of output) response.push(`${module}: ${text}\n`)
}

/** Every error of a configuration with its place and line. */
function report(response: ControlResponse, error: ConfigError): void {
  if (!response.xml) {
    response.fail(`${error.report().trimEnd()}\n`)
    return
  }
  response.fail('')
  response.table(
    'error',
    error.all.map(({ file, line, column, code, reason }) => ({ file, line, column, code, reason })),
  )
}

function settingOf(txn: Transaction, path: string) {
  try {
    return txn.get(path)
  } catch (error) {
    // A stanza with an instance ends with no name of an option.
    if (error instanceof HeddleError && error.code === 'ERR_CONFIG_PATH') return undefined
    throw error
  }
}

/** The equals sign counts that follows a path: others are in a value. */
function assignment(rest: string): [path: string, text: string] {
  for (let at = rest.indexOf('='); at > 0; at = rest.indexOf('=', at + 1)) {
    const path = rest.slice(0, at).trim()
    if (isPath(path)) return [path, rest.slice(at + 1).trim()]
  }
  const [path = ''] = /^(?:"(?:[^"\\]|\\.)*"|[^\s"])+/.exec(rest) ?? []
  const text = rest.slice(path.length).trim()
  if (path !== '' && text !== '') return [path, text]
  throw new HeddleError('EINVAL', 'config set takes a path and a value: config set Domain "a".Key = 5')
}

function isPath(text: string): boolean {
  try {
    parsePath(text)
    return true
  } catch {
    return false
  }
}

/** The last dot parts a module from the name of its option. */
function split(name: string): [module: string, key: string] {
  const dot = name.lastIndexOf('.')
  return [name.slice(0, dot), name.slice(dot + 1)]
}

function expression(text: string): RegExp | undefined {
  if (text.length < 2 || !text.startsWith('/') || !text.endsWith('/')) return undefined
  try {
    return new RegExp(text.slice(1, -1), 'i')
  } catch (error) {
    throw new HeddleError('EINVAL', (error as Error).message)
  }
}

function mustBe(found: boolean, text: string): void {
  if (!found) throw new HeddleError('ENOENT', text)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined) return 'not set'
  if (value instanceof RegExp) return String(value)
  return JSON.stringify(value, (_key, inner: unknown) => plain(inner)) ?? String(value)
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Dictionary) return Object.fromEntries(value)
  return value instanceof RegExp ? String(value) : value
}
