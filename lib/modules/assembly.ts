import type { Transaction } from '../config'
import { HeddleError } from '../errors'
import type { HookRegistry } from '../hooks'
import type { Infrastructure } from './infrastructure'
import type { Instance } from './instance'
import type { Library } from './library'
import type { LifeCycle } from './life-cycle'
import type { ModuleClass } from './module-class'
import { messageOf, ModuleError } from './module-error'
import { printProvides } from './provides'
import type { Reports } from './reports'
import { type RequirementVisitor, Requirements } from './requires'
import { usedOptions, type WantedModule, wantedModules } from './wanted'

/** What an assembly works with; Modules has it. */
export interface AssemblyHost {
  readonly library: Library
  readonly lifeCycle: LifeCycle
  readonly reports: Reports
  /** Singletons of active and past generations, by key. */
  readonly singletons: ReadonlyMap<string, Instance>
  /** Whether the active generation has a module. */
  isActive(name: string): boolean
  /** Capabilities, and modules, that the program itself has asked for. */
  readonly pinned: ReadonlySet<string>
  /** Waits for asynchronous calls of hooks in a generation that is over, but not for ever. */
  drained(registry: HookRegistry): Promise<void>
  /** Runs a part of a transaction; if it fails, what it registered is taken back. */
  attempt(txn: Transaction, module: string, run: () => Promise<void>): Promise<void>
  /** Something failed, and something else is tried. */
  failed(error: ModuleError): void
}

/**
 * The modules of one generation that is being set up: which it takes, in which order, and what of them is new. It becomes a
 * generation, or everything it did is taken back. Owner: Modules; one at a time.
 */
export class Assembly {
  readonly txn: Transaction
  /** Nothing has been active before: modules are called with `privileged`. */
  readonly isStart: boolean
  /** In the order of their set-up. */
  readonly instances: Instance[] = []
  /** Singletons that nothing asks for any more. */
  readonly kept: Instance[] = []
  readonly #host: AssemblyHost
  readonly #newClasses: ModuleClass[] = []
  /** Their `extInit` has been called for this generation. */
  readonly #reached = new Set<Instance>()
  readonly #wanted = new Map<string, WantedModule[]>()

  constructor(host: AssemblyHost, txn: Transaction, isStart: boolean) {
    this.#host = host
    this.txn = txn
    this.isStart = isStart
  }

  /** Loads all that the configuration asks for, and calls `confSetup` of what is new. */
  async load(): Promise<void> {
    const { library, pinned } = this.#host
    const { root } = this.txn
    const isModule = (name: string): boolean => library.knows(name)
    for (const wanted of wantedModules(root, isModule)) {
      const stanzas = this.#wanted.get(wanted.name) ?? []
      this.#wanted.set(wanted.name, [...stanzas, wanted])
    }
    const requirements = new Requirements(this.#visitor())
    for (const [name, stanzas] of this.#wanted)
      if (stanzas.some(({ isDisabled }) => !isDisabled)) await requirements.load(name)
    for (const used of usedOptions(root, isModule)) {
      // Where those that could provide it are switched off it is nobody's.
      if (library.providers(used).some((name) => !this.#isDisabled(name)))
        await this.#loadImplicitly(requirements, printProvides(used))
    }
    for (const capability of pinned) await requirements.satisfy(capability)
    await this.#keepSingletons(requirements)
  }

  /** Calls `extInit` of all. Their options have been validated. */
  async prepare(): Promise<void> {
    const flags = Object.freeze({ mode: 'init', privileged: this.isStart } as const)
    for (const instance of this.instances) {
      this.#reached.add(instance)
      await this.#host.lifeCycle.init(instance, this.txn, flags)
      instance.needsPostInit = this.isStart
    }
  }

  /** It is active: what is for life is made. */
  commit(): void {
    for (const { setup, definition } of this.#newClasses) {
      try {
        setup?.makeMemtypes()
      } catch (cause) {
        const { name } = definition
        const text = `module ${name}: ${messageOf(cause)}`
        this.#host.failed(
          new ModuleError('ERR_MODULE_FAILED', text, { module: name, phase: 'confSetup', cause }),
        )
      }
    }
  }

  /** Takes everything back, the last first, when no call uses it. Singletons of before are told again what is active. Never rejects. */
  async abort(again: (instance: Instance) => Promise<void>): Promise<void> {
    const { lifeCycle, library, singletons, drained } = this.#host
    const { hookRegistry } = this.txn
    hookRegistry.destroy()
    await drained(hookRegistry)
    for (const instance of [...this.instances].reverse()) {
      if (!instance.self.singleton) await lifeCycle.destroy(instance)
      else if (!singletons.has(instance.key)) await lifeCycle.exit(instance)
      else if (this.#reached.has(instance)) await again(instance)
    }
    for (const owner of this.#newClasses) library.forget(owner)
  }

  #visitor(): RequirementVisitor {
    const { library } = this.#host
    return {
      known: (name) => library.knows(name),
      requires: (name) => library.requires(name),
      providers: (capability) => this.#ranked(library.providers(capability)),
      load: (name) => this.#load(name),
      failed: (name, capability, error) => this.#host.failed(alternative(name, capability, error)),
    }
  }

  /** Those with stanzas first, then those that are active now; those that are switched off last. In their order otherwise. */
  #ranked(providers: readonly string[]): readonly string[] {
    const rankOf = (name: string): number => {
      if (this.#isDisabled(name)) return 3
      if (this.#wanted.has(name.toLowerCase())) return 0
      return this.#host.isActive(name) ? 1 : 2
    }
    return [0, 1, 2, 3].flatMap((rank) => providers.filter((name) => rankOf(name) === rank))
  }

  /** Whether it has stanzas, and `enabled = false` stands in all of them. */
  #isDisabled(name: string): boolean {
    const stanzas = this.#wanted.get(name.toLowerCase())
    return stanzas?.every(({ isDisabled }) => isDisabled) === true
  }

  /** A module whose requirements are met. */
  async #load(name: string): Promise<void> {
    const stanzas = this.#wanted.get(name.toLowerCase()) ?? []
    const enabled = stanzas.filter(({ isDisabled }) => !isDisabled)
    if (this.#isDisabled(name))
      throw new ModuleError(
        'ERR_MODULE_DEP',
        `module ${name} is needed, but enabled = false stands in its stanza`,
        {
          module: name,
        },
      )
    const owner = await this.#host.library.load(name)
    const { singleton } = owner.definition
    const names = enabled.length === 0 ? [undefined] : enabled.map(({ instance }) => instance)
    // The options of a singleton stand in the one stanza that has no instance.
    if (singleton && names.some((instance) => instance !== undefined))
      throw new ModuleError('ERR_MODULE_DEF', `module ${name} is a singleton: its stanza has no instance`, {
        module: name,
      })
    if (owner.setup !== undefined) this.#add(owner, names)
    else if (singleton) await this.#setUpSingleton(owner, names[0])
    else await this.#setUpClass(owner, names)
  }

  async #setUpSingleton(owner: ModuleClass, name: string | undefined): Promise<void> {
    const instance = this.#host.lifeCycle.instance(owner, name)
    // Before its set-up: should that fail, `onExit` is called for it.
    this.instances.push(instance)
    try {
      await this.#setUp(owner, instance.self)
    } catch (error) {
      this.instances.splice(this.instances.indexOf(instance), 1)
      await this.#host.lifeCycle.exit(instance)
      throw error
    }
  }

  async #setUpClass(owner: ModuleClass, names: readonly (string | undefined)[]): Promise<void> {
    await this.#setUp(owner, this.#host.lifeCycle.classObject(owner))
    this.#addObjects(owner, names)
  }

  /** `confSetup`, which leaves nothing behind if it fails: another module may take the place of this one. */
  async #setUp(owner: ModuleClass, self: Infrastructure): Promise<void> {
    const { library, lifeCycle, attempt } = this.#host
    try {
      await attempt(this.txn, owner.definition.name, () =>
        lifeCycle.setUp(owner, self, this.txn, this.isStart),
      )
    } catch (error) {
      library.forget(owner)
      throw error
    }
    this.#newClasses.push(owner)
  }

  /** Objects of a module that is set up. */
  #add(owner: ModuleClass, names: readonly (string | undefined)[]): void {
    if (!owner.definition.singleton) {
      this.#addObjects(owner, names)
      return
    }
    const known = [...this.#host.singletons.values()].find((instance) => instance.owner === owner)
    if (known !== undefined) this.instances.push(known)
  }

  #addObjects(owner: ModuleClass, names: readonly (string | undefined)[]): void {
    for (const name of names) this.instances.push(this.#host.lifeCycle.instance(owner, name))
  }

  async #loadImplicitly(requirements: Requirements, option: string): Promise<void> {
    const before = this.instances.length
    const module = await requirements.loadProvider(option)
    if (this.instances.length === before || this.#wanted.has(module.toLowerCase())) return
    this.#host.reports.tell('implicit-load', { module, option })
  }

  /** They stay for the life of the process, after all others and after what they require. (MO-12, MO-15) */
  async #keepSingletons(requirements: Requirements): Promise<void> {
    for (const instance of this.#host.singletons.values()) {
      if (this.instances.includes(instance)) continue
      try {
        await requirements.keep(instance.self.name)
      } catch (error) {
        // Taking a stanza out does not fail.
        this.#host.failed(withoutRequirement(instance, error))
      }
      this.instances.push(instance)
      this.kept.push(instance)
    }
  }
}

function withoutRequirement({ id }: Instance, error: unknown): ModuleError {
  const code = error instanceof HeddleError ? error.code : 'ERR_MODULE_DEP'
  const text = `module ${id} stays, but not what it requires: ${messageOf(error)}`
  return new ModuleError(code, text, { module: id, cause: error })
}

function alternative(name: string, capability: string, error: unknown): ModuleError {
  const code = error instanceof HeddleError ? error.code : 'ERR_MODULE_LOAD'
  const text = `module ${name} cannot provide ${capability}: ${messageOf(error)}`
  return new ModuleError(code, text, { module: name, cause: error })
}
