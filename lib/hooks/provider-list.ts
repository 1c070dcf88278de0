import type { AnyProvider, Entry } from './provider'

/** So many providers have fields of their own; whatever comes after them is called in a loop. */
export const UNROLLED = 10

/** `size` of a list that a synchronous call refuses: one of its providers is an async function. */
export const ASYNC = -1

/**
 * The providers of one hook in one generation, in the order of their calls. It never changes: a registration makes another
 * list, so that a call in progress goes on with that of its start.
 *
 * Functions and closures are fields, not an array, and lists have one hidden class: a caller whose feedback is its own then
 * calls each of them as it would call a plain function.
 */
export class ProviderList {
  /** Providers, or ASYNC. */
  readonly size: number
  readonly f0: AnyProvider
  readonly c0: unknown
  readonly f1: AnyProvider
  readonly c1: unknown
  readonly f2: AnyProvider
  readonly c2: unknown
  readonly f3: AnyProvider
  readonly c3: unknown
  readonly f4: AnyProvider
  readonly c4: unknown
  readonly f5: AnyProvider
  readonly c5: unknown
  readonly f6: AnyProvider
  readonly c6: unknown
  readonly f7: AnyProvider
  readonly c7: unknown
  readonly f8: AnyProvider
  readonly c8: unknown
  readonly f9: AnyProvider
  readonly c9: unknown

  constructor(readonly entries: readonly Entry[]) {
    this.size = entries.some(({ isAsync }) => isAsync) ? ASYNC : entries.length
    this.f0 = fn(entries[0])
    this.c0 = entries[0]?.closure
    this.f1 = fn(entries[1])
    this.c1 = entries[1]?.closure
    this.f2 = fn(entries[2])
    this.c2 = entries[2]?.closure
    this.f3 = fn(entries[3])
    this.c3 = entries[3]?.closure
    this.f4 = fn(entries[4])
    this.c4 = entries[4]?.closure
    this.f5 = fn(entries[5])
    this.c5 = entries[5]?.closure
    this.f6 = fn(entries[6])
    this.c6 = entries[6]?.closure
    this.f7 = fn(entries[7])
    this.c7 = entries[7]?.closure
    this.f8 = fn(entries[8])
    this.c8 = entries[8]?.closure
    this.f9 = fn(entries[9])
    this.c9 = entries[9]?.closure
  }

  get count(): number {
    return this.entries.length
  }
}

/** What hooks without providers have. */
export const NONE = new ProviderList([])

/** The live ones of several, in the order of their calls. */
export function listOf(...groups: readonly (readonly Entry[])[]): ProviderList {
  const entries = groups.flat().filter(({ isGone }) => !isGone)
  if (entries.length === 0) return NONE
  return new ProviderList(entries.sort((a, b) => a.order - b.order))
}

function fn(entry: Entry | undefined): AnyProvider {
  return entry?.fn ?? nobody
}

function nobody(): undefined {
  return undefined
}
