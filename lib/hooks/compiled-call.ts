import { freshCopy } from './fresh-caller'
import type { AnyProvider } from './provider'
import { UNROLLED } from './provider-list'
import { type Site, VoidSite } from './site'
import * as valueCaller from './value-caller'
import { ValueSite } from './value-site'
import * as voidCaller from './void-caller'

/** A hook that was called so often gets a copy of the compiled caller for itself; each further copy takes twice as many calls. */
const OFTEN = 1000

/** What a hook is called with: a property of its own, since a method would be shared with all other hooks. */
export type Call = (...args: unknown[]) => unknown

interface Compiled {
  readonly call: Call
  /** A copy that nobody else has: it learns which functions it calls, and is worth another one when they change. */
  readonly isOwn: boolean
}

/**
 * The `call` of one hook. It counts at first, in a loop over the providers; when there are many calls it installs a compiled one.
 * That is kept over generations, as lists are arguments to it, until a place in the list has another function than the copy has
 * learnt: then it counts again, and another copy follows.
 */
export class CallChoice {
  /** What whoever kept the first `call` has for good. */
  readonly first: Call = (...args) => this.#counted(args)
  readonly #site: Site<unknown>
  readonly #install: (call: Call) => void
  #compiled: Compiled | undefined
  #learnt: AnyProvider[] = []
  #isCounting = true
  #calls = 0
  #often = OFTEN

  constructor(site: Site<unknown>, install: (call: Call) => void) {
    this.#site = site
    this.#install = install
    site.point.onList = () => this.#listChanged()
  }

  #counted(args: unknown[]): unknown {
    if (this.#isCounting && ++this.#calls >= this.#often) this.#compile(args.length)
    const { point } = this.#site
    return this.#compiled === undefined ? this.#site.run(point.list, args) : this.#compiled.call(...args)
  }

  #compile(count: number): void {
    this.#compiled = compiledFor(this.#site, count) ?? this.#compiled
    this.#isCounting = false
    this.#calls = 0
    this.#often *= 2
    this.#learnt = this.#functions()
    if (this.#compiled !== undefined) this.#install(this.#compiled.call)
  }

  #listChanged(): void {
    if (this.#isCounting || !this.#compiled?.isOwn) return
    const functions = this.#functions()
    const isOther = functions.some((fn, at) => (this.#learnt[at] ?? fn) !== fn)
    if (!isOther) {
      this.#learnt = [...functions, ...this.#learnt.slice(functions.length)]
      return
    }
    this.#isCounting = true
    this.#install(this.first)
  }

  #functions(): AnyProvider[] {
    return this.#site.point.list.entries.slice(0, UNROLLED).map(({ fn }) => fn)
  }
}

/** A compiled caller for that number of arguments; others are made when they are needed. */
function compiledFor(site: Site<unknown>, count: number): Compiled | undefined {
  const found = makersFor(site)
  if (found === undefined) return undefined
  const byCount: (Call | undefined)[] = []
  const callWith = (count: number): Call | undefined => {
    byCount[count] ??= found.makers[count]?.(site as never)
    return byCount[count]
  }
  site.other = (args) => {
    const call = callWith(args.length)
    const array = Array.from(args)
    return call === undefined ? site.run(site.point.list, array) : call(...array)
  }
  const call = callWith(count)
  return call && { call, isOwn: found.isOwn }
}

function makersFor(
  site: Site<unknown>,
): { makers: readonly ((site: never) => Call)[]; isOwn: boolean } | undefined {
  if (site instanceof VoidSite) {
    const copy = freshCopy('void-caller')
    return { makers: (copy ?? voidCaller).CALLERS, isOwn: copy !== undefined }
  }
  if (site instanceof ValueSite) {
    const copy = freshCopy('value-caller')
    return { makers: (copy ?? valueCaller).CALLERS, isOwn: copy !== undefined }
  }
  return undefined
}
