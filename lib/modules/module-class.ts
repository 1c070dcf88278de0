import type { OptionSlot } from '../config'
import type { ModuleDefinition } from './module-def'
import { ModuleError } from './module-error'
import { optionDefs } from './module-options'
import { capabilityKey } from './provides'
import type { Setup } from './setup-context'

/** The code of a module, loaded once: what its objects have in common. Owner: Library. */
export class ModuleClass {
  readonly definition: ModuleDefinition
  /** Of the code; text in angle brackets where there is no file. */
  readonly file: string
  #setup: Setup | undefined
  #slots: Readonly<Record<string, OptionSlot>> = Object.freeze({})
  #provided: ReadonlySet<string> = new Set()

  constructor(definition: ModuleDefinition, file: string) {
    this.definition = definition
    this.file = file
  }

  /** The name in lower case. */
  get key(): string {
    return this.definition.name.toLowerCase()
  }

  /** What it registered, once `confSetup` has succeeded. */
  get setup(): Setup | undefined {
    return this.#setup
  }

  /** Slots of the options that the definition declares, and of those that every module has, by name. */
  get slots(): Readonly<Record<string, OptionSlot>> {
    return this.#slots
  }

  /** The options in standard scopes that it has registered, as capabilities. */
  get provided(): ReadonlySet<string> {
    return this.#provided
  }

  /** Registers what every module has, and what this one declares. */
  registerOptions(setup: Setup): void {
    const { name, singleton, options } = this.definition
    const slots = optionDefs(name, singleton, options).map(
      ([key, def]) => [key, setup.registerOption(def)] as const,
    )
    this.#slots = Object.freeze(Object.fromEntries(slots))
    // Where a scope has the name, that is where the options would stand.
    if (this.#slots.enabled?.fallback.module === this.key) return
    throw new ModuleError('ERR_MODULE_DEF', `module ${name} has the name of a scope`, { module: name })
  }

  /** `confSetup` has succeeded. */
  keep(setup: Setup): void {
    this.#setup = setup
    this.#provided = new Set(setup.slots.flatMap(capabilitiesOf))
  }
}

/** Where an option of scopes may stand. */
function capabilitiesOf({ key, fallback }: OptionSlot): string[] {
  if (fallback.module !== undefined) return []
  return fallback.steps.map(({ scopes }) => {
    const types = scopes.map(({ type }) => type)
    return capabilityKey({ scopes: ['global', ...types], key })
  })
}
