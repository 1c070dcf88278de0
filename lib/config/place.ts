/**
 * A place is what one query sees of one generation: the values of options for a binding and domain, say. Looked up
 * along the option's fallback path the first time, an array access after that. It belongs to one View, and so to one
 * generation and isolate.
 */
import { HeddleError } from '../errors'
import type { Entry } from './entry'
import type { FallbackStep } from './fallback'
import type { Scope } from './scopes'
import { OptionSlot } from './slot'
import type { Source, SourceNode } from './source'

/** The stanzas that a query meets in one generation, with values by option. */
export class Place {
  readonly #source: Source
  readonly #instances: ReadonlyMap<string, string>
  readonly #entries: (Entry | undefined)[] = []
  readonly #nodes = new Map<string, readonly SourceNode[]>()

  constructor(source: Source, instances: ReadonlyMap<string, string>) {
    this.#source = source
    this.#instances = instances
  }

  /** The value an option has here. Frozen; it may be kept for as long as one likes. */
  value<T>(slot: OptionSlot<T>): T {
    const entry = this.#entries[slot.index]
    if (entry !== undefined && entry.slot === slot) return entry.value as T
    return this.#find(slot).value as T
  }

  /** What was looked up already. @internal */
  peek<T>(slot: OptionSlot<T>): Entry<T> | undefined {
    const entry = this.#entries[slot.index]
    return entry !== undefined && entry.slot === slot ? (entry as Entry<T>) : undefined
  }

  entry<T>(slot: OptionSlot<T>): Entry<T> {
    const entry = this.#entries[slot.index]
    if (entry !== undefined && entry.slot === slot) return entry as Entry<T>
    return this.#find(slot) as Entry<T>
  }

  #find(slot: OptionSlot): Entry {
    if (!(slot instanceof OptionSlot))
      throw new HeddleError('ERR_INVALID_ARGUMENT', 'the slot of an option is missing')
    // Refuses the slot of another Config.
    const fallback = this.#source.fallbackEntry(slot)
    const entry = this.#lookUp(slot) ?? fallback
    this.#entries[slot.index] = entry
    return entry
  }

  #lookUp(slot: OptionSlot): Entry | undefined {
    for (const step of slot.fallback.steps) {
      for (const node of this.#nodesOf(step, slot.fallback.module !== undefined)) {
        const entry = node.entry(slot)
        if (entry !== undefined) return entry
      }
    }
    return undefined
  }

  /** Stanzas that count for a step, the one to be asked first in front. */
  #nodesOf(step: FallbackStep, isModule: boolean): readonly SourceNode[] {
    // `[mod]` and `mod` are different stanzas.
    const key = isModule && step.scopes[0]?.instances === false ? `[${step.key}]` : step.key
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    let nodes: readonly SourceNode[] = [this.#source.root]
    for (const scope of step.scopes) nodes = nodes.flatMap((node) => this.#within(node, scope, isModule))
    this.#nodes.set(key, nodes)
    return nodes
  }

  #within(node: SourceNode, scope: Scope, isModule: boolean): readonly SourceNode[] {
    if (isModule) return node.exact(scope, scope.instances ? this.#instances.get('') : undefined)
    if (!scope.instances) return node.exact(scope, undefined)
    const instance = this.#instances.get(scope.type)
    if (instance !== undefined) return this.#matches(node, scope, instance)
    return scope.groups === undefined ? [] : this.#groupsOfMember(node, scope, scope.groups)
  }

  /** The exact ones, then those whose pattern fits, here and in groups of this scope. (CF-32) */
  #matches(node: SourceNode, scope: Scope, instance: string): readonly SourceNode[] {
    const holders = [node, ...this.#source.groupsOf(scope.type).flatMap((group) => node.all(group))]
    return [
      ...holders.flatMap((holder) => holder.exact(scope, instance)),
      ...holders
        .flatMap((holder) => holder.patterns(scope))
        .filter(({ pattern }) => pattern.test(instance))
        .map((match) => match.node),
    ]
  }

  /** The groups that the query's member is in, that which names it exactly first. */
  #groupsOfMember(node: SourceNode, group: Scope, member: string): readonly SourceNode[] {
    const scope = this.#source.scope(member)
    const instance = this.#instances.get(member)
    if (scope === undefined || instance === undefined) return []
    const groups = node.all(group)
    const exact = groups.filter((one) => one.exact(scope, instance).length > 0)
    const fitting = groups.filter((one) => one.patterns(scope).some(({ pattern }) => pattern.test(instance)))
    return [...new Set([...exact, ...fitting])]
  }
}
