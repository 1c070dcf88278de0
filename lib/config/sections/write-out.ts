import { appendFile, realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import { plainOf } from '../changes'
import { LONGEST_TIMER_MS } from '../../waiting'
import { replaceFile } from '../files'
import { attempt } from '../participant'
import { printName, printValue, quote } from '../syntax/print'
import type { ConfigNode } from '../tree'
import type { SectionStore } from './section-store'

/** Options of `conf.journal`. */
export interface JournalOptions {
  /** Milliseconds without a change before one is written, at most some 24 days. Default: 1000. */
  readonly quietMs?: number | undefined
  /** What it could not write. Default: a warning. */
  readonly onError?: ((error: unknown) => void) | undefined
}

const INDENT = '  '

/**
 * Writing the configuration out: at once, soon and once, or behind changes as a journal. Belongs to the isolate of the
 * Config. (CX-15, CX-16)
 */
export class WriteOut {
  readonly #store: SectionStore
  #isDisabled = false
  #requested: Promise<void> | undefined
  /** The last write that was begun: writes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: SectionStore) {
    this.#store = store
  }

  /** The whole tree into one file, or what has changed to the files it belongs to. */
  async write(path: string | undefined): Promise<void> {
    this.#check()
    if (path !== undefined && (typeof path !== 'string' || path === ''))
      throw invalid('path', 'is the path of a file', path)
    const write = async (): Promise<void> => {
      this.#check()
      if (path === undefined) return this.#store.writeBack()
      await checkIsOther(path, this.#store.files)
      return replaceFile(path, printTree(this.#store.root))
    }
    const done = this.#last.then(write)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** All requests of one pass of the loop, and while another write goes on, are one write, which they all wait for. */
  request(): Promise<void> {
    this.#requested ??= this.#writeSoon()
    return this.#requested
  }

  async #writeSoon(): Promise<void> {
    await new Promise<void>((given) => {
      setImmediate(given)
    })
    await this.#last
    this.#requested = undefined
    await this.write(undefined)
  }

  disable(): void {
    this.#isDisabled = true
  }

  get isDisabled(): boolean {
    return this.#isDisabled
  }

  #check(): void {
    if (this.#isDisabled) throw new HeddleError('ERR_WRITES_DISABLED')
  }
}

/** All of it in the place of one of the files it is from would be there twice. */
async function checkIsOther(path: string, files: readonly string[]): Promise<void> {
  const real = await realOf(path)
  for (const file of files) {
    if ((await realOf(file)) !== real) continue
    throw invalid('path', 'is not one of the files of the configuration, which writeFile() writes', path)
  }
}

function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}

/**
 * Appends the whole configuration to a file when it has changed and then been quiet for a while. Changes meanwhile are in one
 * entry. Its timer does not hold the process alive; what waits is written by `await using`.
 */
export class Journal implements AsyncDisposable {
  readonly #store: SectionStore
  readonly #path: string
  readonly #quietMs: number
  readonly #onError: (error: unknown) => void
  #unfollow: () => void
  #timer: NodeJS.Timeout | undefined
  #last: Promise<void> = Promise.resolve()

  /** @internal Made by `conf.journal`. ERR_INVALID_ARGUMENT. */
  constructor(store: SectionStore, path: string, options: JournalOptions) {
    const { quietMs = 1000, onError = warnOfJournal } = options
    if (typeof path !== 'string' || path === '') throw invalid('path', 'is the path of a file', path)
    if (typeof quietMs !== 'number' || !(quietMs >= 0))
      throw invalid('quietMs', 'is a number of milliseconds', quietMs)
    if (typeof onError !== 'function') throw invalid('onError', 'is a function', onError)
    this.#store = store
    this.#path = path
    this.#quietMs = Math.min(quietMs, LONGEST_TIMER_MS)
    this.#onError = (error) => attempt(() => onError(error), 'onError of the journal')
    this.#unfollow = store.onChange(() => this.mark())
  }

  /** Says that there is something to write although nothing was committed. */
  mark(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#write(), this.#quietMs)
    this.#timer.unref()
  }

  /** Ends it; what waits to be written is written first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unfollow()
    this.#unfollow = () => {}
    if (this.#timer) this.#write()
    await this.#last
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { root, generation } = this.#store
    const head = `# generation ${generation}, ${new Date().toISOString()}\n`
    this.#last = this.#last
      .then(() => appendFile(this.#path, head + printTree(root), { mode: 0o600 }))
      .catch(this.#onError)
  }
}

/** A tree as the text of one file, without comments and includes. */
export function printTree(node: ConfigNode, indent = ''): string {
  const settings = [...node.settings.values()].map(
    ({ name, value }) => `${indent}${printName(name)} = ${printValue(plainOf(value))}\n`,
  )
  const stanzas = node.children.map((child) => {
    const head = child.instance === undefined ? child.name : `${child.name} ${quote(child.instance)}`
    return `${indent}${head} {\n${printTree(child, indent + INDENT)}${indent}}\n`
  })
  return [...settings, ...stanzas].join('')
}

function warnOfJournal(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  process.emitWarning(`the journal of the configuration was not written: ${reason}`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_CONFIG_JOURNAL',
  })
}
