import {
  type CommitResult,
  type Config,
  ConfigError,
  Dictionary,
  parsePath,
  type Transaction,
} from '../config'
import type { Control, ControlResponse } from '../control'
import { HeddleError } from '../errors'
import { printStanza, printRaw } from './config-text'

/** Who sets what is set here, as its origin shows it. */
const BY = '<console>'

type Run = (response: ControlResponse, rest: string, words: () => readonly string[]) => void | Promise<void>

/**
 * The commands `config …`. What they change is active at once, and gone with the next reload unless it is written back; after
 * `config begin` changes are collected until `config commit`, for all clients together. Those that are read show the active
 * generation, or what was begun. (CN-02, CN-04, CF-02, CF-28)
 */
export class ConfigCommands {
  readonly #config: Config
  #begun: Transaction | undefined
  readonly #commands: Readonly<Record<string, Run>> = {
    reload: (response, file) => this.#reload(response, file),
    show: (response, path) => this.#show(response, path),
    eval: (response, _rest, words) => this.#eval(response, words()),
    set: (response, rest) => this.#set(response, rest),
    unset: (response, path) =>
      this.#change(response, (txn) => mustBe(txn.unset(path), `nothing is set at ${path}`)),
    remove: (response, path) =>
      this.#change(response, (txn) => mustBe(txn.remove(path), `there is no stanza ${path}`)),
    locate: (response, _rest, words) => this.#locate(response, words()),
    options: (response, _rest, words) => this.#options(response, words()),
    generations: (response) => this.#generations(response),
    write: (response) => this.#write(response),
    begin: (response, rest) => this.#begin(response, rest),
    commit: (response) => this.#commit(response),
    rollback: (response) => this.#rollback(response),
  }

  constructor(config: Config) {
    this.#config = config
  }

  register(control: Control): void {
    control.register('config', (response, call) => this.#run(response, call.rest, call), { help: HELP })
  }

  async #run(
    response: ControlResponse,
    rest: string,
    call: { readonly words: readonly string[] },
  ): Promise<void> {
    const [name = ''] = rest.split(/\s/, 1)
    const key = name.toLowerCase()
    const command = Object.hasOwn(this.#commands, key) ? this.#commands[key] : undefined
    if (command === undefined) {
      response.fail(`config ${name}: say config ${Object.keys(this.#commands).join('|')}\n`)
      return
    }
    try {
      await command(response, rest.slice(name.length).trim(), () => call.words.slice(1))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      report(response, error)
    }
  }

  async #reload(response: ControlResponse, file: string): Promise<void> {
    tell(response, await (file === '' ? this.#config.reload() : this.#config.reload(file)))
  }

  #show(response: ControlResponse, path: string): void {
    this.#read((txn) => {
      const raw = path === '' || path.toLowerCase() === 'global' ? undefined : settingOf(txn, path)
      if (raw !== undefined) {
        response.push(`${printRaw(raw)}\n`)
        return
      }
      const stanza = txn.stanza(path)
      if (stanza === undefined) throw new HeddleError('ENOENT', `nothing is set at ${path}`)
      response.push(printStanza(stanza))
    })
  }

  #eval(response: ControlResponse, [name = '', ...pairs]: readonly string[]): void {
    const [module, key] = name.includes('.') ? split(name) : [undefined, name]
    const slot = this.#config.slot(key, module)
    if (slot === undefined) throw new HeddleError('ENOENT', `no option, or more than one, is called ${name}`)
    using value = this.#config.fetchGeneric(null, slot, null, pairs)
    response.push(`${shown(value.value)}\n`)
  }

  /** `path = text`, or `path text` where the path is one word. */
  async #set(response: ControlResponse, rest: string): Promise<void> {
    const [path, text] = assignment(rest)
    await this.#change(response, (txn) => void txn.setText(path, text))
  }

  #locate(response: ControlResponse, [name, ...more]: readonly string[]): void {
    if (name === undefined || more.length > 0)
      throw new HeddleError('EINVAL', 'config locate takes a name or /expression/')
    response.table('setting', this.#config.locate(expression(name) ?? name))
  }

  #options(response: ControlResponse, [module, ...more]: readonly string[]): void {
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

  #begin(response: ControlResponse, rest: string): void {
    if (rest !== '' && rest.toLowerCase() !== 'scratch')
      throw new HeddleError('EINVAL', 'config begin takes the word scratch, or nothing')
    if (this.#begun?.state === 'open')
      throw new HeddleError('EBUSY', 'a transaction is under way: config commit, or config rollback')
    this.#begun = this.#config.begin({ by: BY, fromScratch: rest !== '' })
    response.push(`begun from generation ${this.#begun.generation}\n`)
  }

  async #commit(response: ControlResponse): Promise<void> {
    const txn = this.#open()
    this.#begun = undefined
    tell(response, await txn.commit())
  }

  #rollback(response: ControlResponse): void {
    this.#open().rollback()
    this.#begun = undefined
    response.push('forgotten\n')
  }

  #open(): Transaction {
    if (this.#begun?.state === 'open') return this.#begun
    throw new HeddleError('ENOENT', 'no transaction is under way: config begin')
  }

  async #change(response: ControlResponse, change: (txn: Transaction) => void): Promise<void> {
    if (this.#begun?.state === 'open') {
      change(this.#begun)
      response.push('noted\n')
    } else tell(response, await this.#config.transaction(change, { by: BY }))
  }

  #read(read: (txn: Transaction) => void): void {
    if (this.#begun?.state === 'open') {
      read(this.#begun)
      return
    }
    using txn = this.#config.begin({ by: BY })
    read(txn)
  }
}

const HELP = {
  'reload [file]': 'reads the file again; what was changed here is gone',
  'show [path]': 'shows a setting or a stanza as it was set, or all',
  'eval <option> [<scope> <instance>]': 'shows the value that holds there, with fallback and default',
  'set <path> = <value>': 'sets an option',
  'unset <path>': 'takes a setting away',
  'remove <stanza>': 'takes a stanza away',
  'locate <name>': 'shows where an option is set; /expression/ for several',
  'options [module]': 'lists options with type, scope, default and origin',
  generations: 'shows the active generation, and those that somebody reads',
  write: 'writes what was changed here to the files it belongs to',
  'begin [scratch]': 'collects the changes that follow',
  commit: 'makes them active together',
  rollback: 'forgets them',
}

function tell(response: ControlResponse, { generation, warnings }: CommitResult): void {
  response.fields({ generation })
  if (response.xml) {
    response.table(
      'warning',
      warnings.map(({ option, place, message }) => ({ option, place, message })),
    )
    return
  }
  for (const { option, place, message } of warnings)
    response.push(`warning: ${place}: ${option}: ${message}\n`)
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
