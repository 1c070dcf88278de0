import type { HookRegistry } from '../hooks'
import { instanceKey, type Instance } from './instance'

/** The modules of one generation of the configuration, in the order of their set-up. */
export class ModuleGeneration {
  readonly number: number
  readonly instances: readonly Instance[]
  /** Of its providers. */
  readonly registry: HookRegistry
  readonly #byKey: ReadonlyMap<string, Instance>
  #ending: Promise<void> | undefined

  constructor(number: number, instances: readonly Instance[], registry: HookRegistry) {
    this.number = number
    this.instances = instances
    this.registry = registry
    this.#byKey = new Map(instances.map((instance) => [instance.key, instance]))
  }

  /** The object of a stanza; without an instance that of the only one. Instances compare as written, else without case. */
  find(name: string, instance: string | undefined): Instance | undefined {
    const exact = this.#byKey.get(instanceKey(name, instance))
    if (exact !== undefined) return exact
    const own = this.instances.filter(({ self }) => self.name.toLowerCase() === name.toLowerCase())
    const matching =
      instance === undefined
        ? own
        : own.filter(({ self }) => self.instance?.toLowerCase() === instance.toLowerCase())
    return matching.length === 1 ? matching[0] : undefined
  }

  /** Ends its objects one after the other, the last set up first. Whoever asks again waits for the same end. */
  end(one: (instance: Instance) => Promise<void>): Promise<void> {
    this.#ending ??= this.#end(one)
    return this.#ending
  }

  async #end(one: (instance: Instance) => Promise<void>): Promise<void> {
    for (const instance of [...this.instances].reverse()) await one(instance)
  }

  /** Whether the module has any object in it. */
  has(name: string): boolean {
    return this.instances.some(({ self }) => self.name.toLowerCase() === name.toLowerCase())
  }
}
