import type { Catalogue } from './catalogue'
import type { ImportLimits } from './imports'
import { loadDefinition } from './loader'
import { ModuleClass } from './module-class'
import { type ModuleDefinition, type ModuleSpec, defineModule } from './module-def'
import { ModuleError } from './module-error'
import { capabilityKey, parseProvides, type Provides } from './provides'

/** What a program says of a module that it brings itself; a manifest says the same of one in a file. */
export interface ModuleEntry {
  readonly requires?: readonly string[]
  /** As behind `msys.provides =`. */
  readonly provides?: readonly string[]
}

interface OwnModule {
  readonly definition: ModuleDefinition
  readonly requires: readonly string[]
  readonly provides: readonly Provides[]
}

/** The code of modules: where it is known from, and what of it is loaded. Owner: Modules. */
export class Library {
  readonly #catalogue: Catalogue
  readonly #own = new Map<string, OwnModule>()
  readonly #classes = new Map<string, ModuleClass>()
  readonly #limits: ImportLimits

  constructor(catalogue: Catalogue, limits: ImportLimits) {
    this.#catalogue = catalogue
    this.#limits = limits
  }

  /** Takes in a module that the program brings. ERR_MODULE_DEF, ERR_MODULE_DUPLICATE, ERR_INVALID_ARGUMENT. */
  add(spec: ModuleSpec<never>, { requires = [], provides = [] }: ModuleEntry = {}): ModuleDefinition {
    const definition = defineModule(spec as ModuleSpec)
    const key = definition.name.toLowerCase()
    if (this.knows(key))
      throw new ModuleError('ERR_MODULE_DUPLICATE', `a module is called ${definition.name} already`, {
        module: definition.name,
      })
    this.#own.set(key, { definition, requires: [...requires], provides: provides.map(parseProvides) })
    return definition
  }

  /** Whether there is a module of that name. */
  knows(name: string): boolean {
    const key = name.toLowerCase()
    // Also one whose manifest is gone, as long as its code is here.
    return this.#own.has(key) || this.#catalogue.knows(key) || this.#classes.has(key)
  }

  /** What a module requires. ERR_MODULE_DUPLICATE. */
  requires(name: string): readonly string[] {
    return this.#own.get(name.toLowerCase())?.requires ?? this.#catalogue.section(name)?.requires ?? []
  }

  /** Who provides a capability: who has registered such an option, then who says so, in this order. */
  providers(given: Pick<Provides, 'scopes' | 'key'> | string): readonly string[] {
    const capability = typeof given === 'string' ? parseProvides(given) : given
    const key = capabilityKey(capability)
    const registered = [...this.#classes.values()].filter(({ provided }) => provided.has(key))
    const own = [...this.#own.values()].filter(({ provides }) =>
      provides.some((what) => capabilityKey(what) === key),
    )
    const names = [
      ...registered.map(({ definition }) => definition.name),
      ...own.map(({ definition }) => definition.name),
      ...this.#catalogue.providers(capability),
    ]
    return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()]
  }

  /** The loaded class of a module. */
  loaded(name: string): ModuleClass | undefined {
    return this.#classes.get(name.toLowerCase())
  }

  /** Its class, whose code is loaded if it was not. The errors of `loadDefinition`. */
  async load(name: string): Promise<ModuleClass> {
    const key = name.toLowerCase()
    const known = this.#classes.get(key)
    if (known !== undefined) return known
    const own = this.#own.get(key)
    const made = own === undefined ? await this.#fromFile(name) : new ModuleClass(own.definition, '<program>')
    this.#classes.set(key, made)
    return made
  }

  /** It was not to be: whoever asks again begins anew, with the code that was imported if that has not changed. */
  forget(owner: ModuleClass): void {
    if (this.#classes.get(owner.key) === owner) this.#classes.delete(owner.key)
  }

  async #fromFile(name: string): Promise<ModuleClass> {
    const section = this.#catalogue.section(name)
    if (section === undefined)
      throw new ModuleError('ERR_MODULE_UNKNOWN', `no manifest knows a module ${name}`, { module: name })
    const { definition, file } = await loadDefinition(section, this.#limits)
    return new ModuleClass(definition, file)
  }
}
