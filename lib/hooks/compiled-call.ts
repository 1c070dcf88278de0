import { freshCopy } from './fresh-caller'
import type { Site } from './site'
import { VoidSite } from './site'
import * as valueCaller from './value-caller'
import { ValueSite } from './value-site'
import * as voidCaller from './void-caller'

/** A hook that was called so often gets a copy of the compiled caller for itself. */
const OFTEN = 1000

/** What a hook is called with: a property of its own, since a method would be shared with all other hooks. */
export type Call = (...args: unknown[]) => unknown

type Makers = readonly ((site: never) => Call)[]

/**
 * The `call` of a hook: counts at first, and hands `onOften` the compiled one when it has been called often. Copies are kept over
 * generations, as lists are arguments to them. Whoever kept the counting one loses only the speed.
 */
export function callOf(site: Site<unknown>, onOften: (call: Call) => void): Call {
  let calls = 0
  let compiled: Call | undefined
  return (...args) => {
    if (compiled !== undefined) return compiled(...args)
    if (++calls === OFTEN) {
      compiled = compiledFor(site, args.length)
      if (compiled !== undefined) onOften(compiled)
    }
    return site.run(site.point.list, args)
  }
}

/** A compiled caller for that number of arguments; others are made when they are needed. */
function compiledFor(site: Site<unknown>, count: number): Call | undefined {
  const makers = makersFor(site)
  if (makers === undefined) return undefined
  const byCount: (Call | undefined)[] = []
  const callWith = (count: number): Call | undefined => {
    const known = byCount[count]
    if (known !== undefined) return known
    const made = makers[count]?.(site as never)
    byCount[count] = made
    return made
  }
  site.other = (args) => {
    const call = callWith(args.length)
    const array = Array.from(args)
    return call === undefined ? site.run(site.point.list, array) : call(...array)
  }
  return callWith(count)
}

function makersFor(site: Site<unknown>): Makers | undefined {
  if (site instanceof VoidSite) return (freshCopy('void-caller') ?? voidCaller).CALLERS as Makers
  if (site instanceof ValueSite) return (freshCopy('value-caller') ?? valueCaller).CALLERS as Makers
  return undefined
}
