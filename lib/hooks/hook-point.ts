import type { CheckedSpec } from './declaration'
import type { AnyHook } from './hook'
import type { Site } from './site'
import { NONE, type ProviderList } from './provider-list'
import type { HookRegistry } from './registry'

/** Who declared a hook, and for which generation, as long as that is not the current one. */
export interface Declaration {
  readonly hook: AnyHook
  readonly owner: string | undefined
  readonly site: Site<unknown>
  /** A second declaration must say the same. */
  readonly spec: CheckedSpec
  pendingFor: HookRegistry | undefined
}

/** Who is told of each new list of a point, and for which generation it came, as long as that is not the current one. */
export interface Watcher {
  readonly changed: (list: ProviderList) => void
  readonly owner: string | undefined
  pendingFor: HookRegistry | undefined
}

/**
 * A place that has a name, where providers are kept. It is there as soon as anybody speaks of it: who registers by name, or
 * asks whether there are providers, may come before who declares. (HK-05, HK-14)
 */
export class HookPoint {
  /** Of the current generation; what callers look at. */
  list: ProviderList = NONE
  declared: Declaration | undefined
  /** Told when there is another list; whoever declared the point is. */
  onList: () => void = () => {}
  /** Providers that were taken out again, of any generation: lists from before may still have them. */
  removals = 0
  readonly watchers = new Set<Watcher>()

  constructor(
    readonly scope: string,
    readonly name: string,
  ) {}

  /** Another list is the current one. */
  show(list: ProviderList): void {
    if (list === this.list) return
    this.list = list
    this.onList()
  }

  get fullName(): string {
    return `${this.scope}.${this.name}`
  }
}
