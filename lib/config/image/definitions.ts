/** The lists of options and scopes as images carry them: one text, written anew only when they have changed. */
import { lineOf } from '../fallback'
import type { OptionTable } from '../options'
import type { Scopes } from '../scopes'
import type { DefinitionLists, Definitions } from './writer'

export class DefinitionText {
  readonly #options: OptionTable
  readonly #scopes: Scopes
  #last: Definitions | undefined

  constructor(options: OptionTable, scopes: Scopes) {
    this.#options = options
    this.#scopes = scopes
  }

  get current(): Definitions {
    const version = this.#options.changes + this.#scopes.changes
    if (this.#last?.version !== version) this.#last = { text: JSON.stringify(this.#lists()), version }
    return this.#last
  }

  #lists(): DefinitionLists {
    const options = this.#options.list().map(({ slot, module }) => ({
      index: slot.index,
      name: slot.name,
      module,
      type: slot.type,
      isArray: slot.isArray,
      fallback: lineOf(slot.fallback),
      ...(slot.defaultText === undefined ? {} : { default: slot.defaultText }),
    }))
    const scopes = this.#scopes.list().map(({ type, ...spec }) => spec)
    return { scopes, options }
  }
}
