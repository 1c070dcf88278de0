import type { Counter } from './counter'
import { freshCopy } from './fresh-caller'
import { NONE, type ProviderList } from './provider-list'
import { type Site, VoidSite } from './site'
import * as valueCaller from './value-caller'
import { ValueSite } from './value-site'
import * as verdictCaller from './verdict-caller'
import { VerdictSite } from './verdict-site'
import * as voidCaller from './void-caller'

/** A list that was called so often gets a copy of the compiled caller for itself. */
const OFTEN = 1000
/** After a copy that lasted no longer than this, the next one takes twice as many calls. Milliseconds. */
const SOON = 1000
/** Doublings at the most. */
const MOST = 6

/** What a hook is called with: a property of its own, since a method would be shared with all other hooks. */
export type Call = (...args: unknown[]) => unknown

type Maker = (site: never, list: ProviderList, counter: Counter | undefined) => Call

interface Makers {
  /** By the number of arguments. */
  readonly callers: readonly Maker[]
  /** A copy that nobody else has: it learns which functions it calls. */
  readonly isOwn: boolean
}

/**
 * The `call` of one hook. First it loops over the providers and counts; after many calls it installs a compiled one, made for the list
 * that is there and from a copy of the code that is this hook's. For each other list the same copy makes another function, which
 * counts too: when that list was called often, it gets a copy of its own, and the old one goes.
 *
 * A compiled function sees for itself that another list is the current one, and asks here for the function of that.
 */
export class CallChoice {
  /** What whoever kept the first `call` has for good. */
  readonly first: Call = (...args) => this.#counted(args)
  readonly #site: Site<unknown>
  readonly #install: (call: Call) => void
  #makers: Makers | undefined
  /** That the functions are for. */
  #list: ProviderList = NONE
  /** By the number of arguments; others are made when they are needed. */
  #functions: (Call | undefined)[] = []
  #counter: Counter | undefined
  /** How many arguments the installed one has. */
  #arity = 0
  #left = OFTEN
  #copied = Number.NEGATIVE_INFINITY
  #doublings = 0

  constructor(site: Site<unknown>, install: (call: Call) => void) {
    this.#site = site
    this.#install = install
    // At once, as functions hold the list that they are for, and so what a generation of it has for closures.
    site.point.onList = () => this.#renew()
    site.other = (args) => this.#other(args)
    site.moved = (count) => this.#moved(count)
    site.often = () => this.#copy()
  }

  #counted(args: unknown[]): unknown {
    if (this.#makers === undefined && --this.#left === 0) {
      this.#arity = args.length
      this.#copy()
    }
    return this.#other(args)
  }

  #other(args: ArrayLike<unknown>): unknown {
    const array = Array.from(args)
    const call = this.#makers && this.#moved(array.length)
    return call === undefined ? this.#site.run(this.#site.point.list, array) : call(...array)
  }

  /** The function of the current list, undefined for more arguments than are compiled. */
  #moved(count: number): Call {
    this.#renew()
    return this.#function(count) as Call
  }

  /** Code of its own for the current list. */
  #copy(): void {
    const now = performance.now()
    this.#doublings = now - this.#copied < SOON ? Math.min(this.#doublings + 1, MOST) : 0
    this.#copied = now
    this.#makers = makersFor(this.#site)
    this.#serve(undefined)
  }

  /** The code that is there, for the current list. */
  #renew(): void {
    if (this.#makers === undefined || this.#list === this.#site.point.list) return
    this.#serve(this.#makers.isOwn ? { left: OFTEN * 2 ** this.#doublings } : undefined)
  }

  #serve(counter: Counter | undefined): void {
    this.#list = this.#site.point.list
    this.#counter = counter
    this.#functions = []
    this.#install(this.#function(this.#arity) ?? this.first)
  }

  #function(count: number): Call | undefined {
    this.#functions[count] ??= this.#makers?.callers[count]?.(this.#site as never, this.#list, this.#counter)
    return this.#functions[count]
  }
}

function makersFor(site: Site<unknown>): Makers | undefined {
  if (site instanceof VoidSite) return makers(freshCopy('void-caller'), voidCaller)
  if (site instanceof ValueSite) return makers(freshCopy('value-caller'), valueCaller)
  if (site instanceof VerdictSite) return makers(freshCopy('verdict-caller'), verdictCaller)
  return undefined
}

function makers(
  copy: { readonly CALLERS: readonly Maker[] } | undefined,
  shared: { readonly CALLERS: readonly Maker[] },
): Makers {
  return { callers: (copy ?? shared).CALLERS, isOwn: copy !== undefined }
}
