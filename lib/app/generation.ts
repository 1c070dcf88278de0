import { dirname } from 'node:path'
import type { ConfigNode, ConfigPlace, ConfigQuery } from '../config'
import { ConfigError } from '../config/syntax'
import type { HeddleError } from '../errors'
import type { CoreSlot } from './core-option'
import { described, placed } from './place'

/** A stanza of a generation. */
export interface Stanza {
  /** Undefined where none is written. */
  readonly instance: string | undefined
  /** `file:line`. */
  readonly place: string
}

/** What a transaction and a snapshot have in common. */
export interface Readable {
  readonly root: ConfigNode
  place(query?: ConfigQuery): ConfigPlace
}

/** A generation, pending or active, as the application reads it. Valid as long as what it reads from. */
export class Generation {
  /** What is wrong with it, as far as it was read. */
  readonly problems: HeddleError[] = []
  readonly #from: Readable
  /** The configuration itself, absolute. */
  readonly file: string

  constructor(from: Readable, file: string) {
    this.#from = from
    this.file = file
  }

  /** What the option is there. */
  get<T>({ slot, read }: CoreSlot<T>, query?: ConfigQuery): T {
    return read(this.#from.place(query).value(slot))
  }

  /** Folder of the file that says it: names in its value are relative to that. Said elsewhere: that of the configuration. */
  folder({ slot }: CoreSlot<unknown>, query?: ConfigQuery): string {
    const { origin } = this.#from.place(query).entry(slot)
    return dirname(origin !== undefined && origin.line > 0 ? origin.file : this.file)
  }

  /** Where it is said at the top: `file:line`, or the configuration. */
  lineOf({ slot }: CoreSlot<unknown>): string {
    const { origin } = this.#from.place().entry(slot)
    return origin === undefined || origin.line === 0 ? this.file : placeOf(origin)
  }

  /** What a function makes of it; undefined, and a problem more, where that fails. */
  attempt<T>(place: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.#add(placed(isPlaced(error) ? '' : place, error))
      return undefined
    }
  }

  /** Once: several may stumble over the same. */
  #add(problem: HeddleError): void {
    if (!this.problems.some(({ message }) => message === problem.message)) this.problems.push(problem)
  }

  /** Stanzas of a type in the order of the configuration, at the top or in those of the instance that is given. */
  stanzas(type: string, within?: { readonly type: string; readonly instance: string }): Stanza[] {
    const { root } = this.#from
    const holders =
      within === undefined
        ? [root]
        : root.children.filter((node) => isOf(node, within.type) && node.instance === within.instance)
    return holders
      .flatMap(({ children }) => children.filter((node) => isOf(node, type)))
      .map(({ instance, origin }) => ({ instance, place: placeOf(origin) }))
  }
}

/** Errors of values know where they are. */
function isPlaced(error: unknown): boolean {
  return error instanceof ConfigError && described(error).startsWith(error.file)
}

function isOf({ type }: ConfigNode, name: string): boolean {
  return type === name.toLowerCase()
}

export function placeOf({ file, line }: { readonly file: string; readonly line: number }): string {
  return line > 0 ? `${file}:${line}` : file
}
