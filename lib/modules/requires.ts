import { HeddleError } from '../errors'
import { messageOf, ModuleError } from './module-error'

/** What the walk asks of those who know the manifests and load. */
export interface RequirementVisitor {
  /** Whether there is a module of this name. */
  known(name: string): boolean
  /** What it requires: names of modules or of capabilities. */
  requires(name: string): readonly string[]
  /** The modules that provide a capability, best first. */
  providers(capability: string): readonly string[]
  /** All it requires is there. Throws where the module cannot be had. */
  load(name: string): Promise<void>
  /** A provider could not be had, and another is tried. */
  failed(name: string, capability: string, error: unknown): void
}

/**
 * Loads modules after what they require, each once, in one walk. Of a capability the first provider that loads is taken.
 * ERR_MODULE_DEP names who asked for what is missing; ERR_MODULE_CYCLE the path. (MO-03, MO-16)
 */
export class Requirements {
  readonly #visitor: RequirementVisitor
  readonly #done = new Set<string>()
  /** Asked for again within one walk, a module that could not be had is not tried again. */
  readonly #failed = new Map<string, unknown>()

  constructor(visitor: RequirementVisitor) {
    this.#visitor = visitor
  }

  /** Loads a module with everything below it. */
  async load(name: string, path: readonly string[] = []): Promise<void> {
    const key = name.toLowerCase()
    if (this.#done.has(key)) return
    const chain = [...path, name]
    if (path.some((other) => other.toLowerCase() === key)) throw cycle(chain, key)
    if (this.#failed.has(key)) throw this.#failed.get(key)
    for (const needed of this.#visitor.requires(name)) await this.satisfy(needed, chain)
    try {
      await this.#visitor.load(name)
    } catch (error) {
      this.#failed.set(key, error)
      throw error
    }
    this.#done.add(key)
  }

  /** Loads one provider of a capability: its name. */
  async loadProvider(capability: string, path: readonly string[] = []): Promise<string> {
    const providers = this.#visitor.providers(capability)
    const loaded = providers.find((name) => this.#done.has(name.toLowerCase()))
    if (loaded !== undefined) return loaded
    const failures: unknown[] = []
    for (const name of providers) {
      try {
        await this.load(name, path)
        return name
      } catch (error) {
        failures.push(error)
        this.#visitor.failed(name, capability, error)
      }
    }
    throw this.#unsatisfied(capability, path, failures)
  }

  /** Loads a module, or a provider of a capability, by name. */
  async satisfy(needed: string, chain: readonly string[] = []): Promise<void> {
    if (this.#visitor.known(needed)) await this.load(needed, chain)
    else await this.loadProvider(needed, chain)
  }

  /** What a module requires that is there itself. */
  async keep(name: string): Promise<void> {
    for (const needed of this.#visitor.requires(name)) await this.satisfy(needed, [name])
    this.#done.add(name.toLowerCase())
  }

  #unsatisfied(needed: string, path: readonly string[], failures: readonly unknown[]): unknown {
    // With one provider there was no choice: what it said is what the user has to know.
    if (failures.length === 1) return failures[0]
    const module = path.at(-1)
    const asker = module === undefined ? '' : `${module} requires ${needed}: `
    if (failures.length === 0)
      return new ModuleError('ERR_MODULE_DEP', `${asker}no manifest knows a module or capability ${needed}`, {
        ...(module === undefined ? {} : { module }),
      })
    const reasons = failures.map(messageOf).join('; ')
    const error = failures.find((failure) => failure instanceof HeddleError)
    return new ModuleError('ERR_MODULE_DEP', `${asker}no provider of ${needed} could be loaded: ${reasons}`, {
      ...(module === undefined ? {} : { module }),
      cause: error ?? failures[0],
    })
  }
}

function cycle(chain: readonly string[], key: string): ModuleError {
  const start = chain.findIndex((name) => name.toLowerCase() === key)
  const path = chain.slice(start)
  return new ModuleError('ERR_MODULE_CYCLE', `modules require each other: ${path.join(' -> ')}`, {
    module: path[0] as string,
  })
}
