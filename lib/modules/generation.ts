import { instanceKey, type Instance } from './instance'

/** The modules of one generation of the configuration, in the order of their set-up. */
export class ModuleGeneration {
  readonly number: number
  readonly instances: readonly Instance[]
  readonly #byKey: ReadonlyMap<string, Instance>

  constructor(number: number, instances: readonly Instance[]) {
    this.number = number
    this.instances = instances
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

  /** Whether the module has any object in it. */
  has(name: string): boolean {
    return this.instances.some(({ self }) => self.name.toLowerCase() === name.toLowerCase())
  }
}
