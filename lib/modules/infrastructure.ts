import type { ConfigValue, OptionSlot } from '../config'
import type { LogLevel } from './log-level'
import type { ModuleHooks } from '../hooks'
import type { ModuleDefinition, ModuleTransaction } from './module-def'

/** What a module asks of the system, through its infrastructure. Modules has it. */
export interface InfrastructureServices {
  readonly hooks: ModuleHooks
  /** Slots of the options that the definition declares, by name. */
  slots(): Readonly<Record<string, OptionSlot>>
  fetchAtInit(self: Infrastructure, txn: ModuleTransaction, option: OptionSlot | string): ConfigValue
  fetch(self: Infrastructure, option: OptionSlot | string): ConfigValue
  withClosure<P, R>(self: Infrastructure<P>, use: (self: Infrastructure<P>) => R): R
  log(self: Infrastructure, level: LogLevel, text: string): void
}

/** A function whose arguments are not this page's business. */
type SomeFunction = (...args: never[]) => unknown

/** Where an infrastructure belongs. */
export interface InfrastructureIdentity {
  /** Of a stanza `module "instance" { }`. */
  readonly instance: string | undefined
  /** The file of the code; text in angle brackets where there is none. */
  readonly file: string
}

let mark: (self: Infrastructure) => void

/**
 * A module as its own functions see it: what `defineModule` was told, frozen, and data of its own. One object for the life
 * of the process for a singleton, else one a generation. It is the closure to register hooks with. (MO-08, HK-09)
 *
 * Thread rule: the isolate of its Modules.
 */
export class Infrastructure<P = unknown> {
  readonly type = 'generic' as const
  readonly name: string
  /** Of a stanza `module "instance" { }`, undefined for the only one. */
  readonly instance: string | undefined
  /** `name`, or `name:instance`: what commands of the console begin with. */
  readonly id: string
  readonly file: string
  readonly description: string
  readonly singleton: boolean
  /** The functions of the definition, for those who look; the system calls those of the definition itself. */
  readonly control: SomeFunction | undefined
  readonly confSetup: SomeFunction
  readonly extInit: SomeFunction
  /** Hooks as this module may declare, register and call them. */
  readonly hooks: ModuleHooks
  /** Data of the module, the only member it may change. Read by whoever holds the object. */
  #privateData: P | undefined
  readonly #services: InfrastructureServices
  #startedWithSystem = false

  static {
    mark = (self) => {
      self.#startedWithSystem = true
    }
  }

  /** @internal */
  constructor(
    definition: ModuleDefinition<P>,
    { instance, file }: InfrastructureIdentity,
    services: InfrastructureServices,
  ) {
    this.name = definition.name
    this.instance = instance
    this.id = instance === undefined ? definition.name : `${definition.name}:${instance}`
    this.file = file
    this.description = definition.description
    this.singleton = definition.singleton
    this.control = definition.control
    this.confSetup = definition.confSetup
    this.extInit = definition.extInit
    this.hooks = services.hooks
    this.#services = services
    Object.freeze(this)
  }

  get privateData(): P | undefined {
    return this.#privateData
  }

  set privateData(data: P | undefined) {
    this.#privateData = data
  }

  /** Whether `extInit` has ever been called with `privileged`: it was loaded at the start, not by a reload. (MO-11) */
  get startedWithSystem(): boolean {
    return this.#startedWithSystem
  }

  /** Slots of the options that the definition declares, by name, once they are registered. */
  get options(): Readonly<Record<string, OptionSlot>> {
    return this.#services.slots()
  }

  /**
   * In `extInit`: the value of an option for this module, of the configuration that is being set up. Names are those of
   * `options`. To be released. (CF-22)
   */
  fetchAtInit(txn: ModuleTransaction, option: OptionSlot | string): ConfigValue {
    return this.#services.fetchAtInit(this, txn, option)
  }

  /** The value of an option for this module in the active configuration. To be released. (CF-22) */
  fetch(option: OptionSlot | string): ConfigValue {
    return this.#services.fetch(this, option)
  }

  /**
   * Calls `use` with the object of this module in the active generation, which it keeps alive until `use` has returned, or
   * its promise is settled: the safe way outside of a hook. ERR_MODULE_UNKNOWN: it is not loaded now. (HK-12)
   */
  withClosure<R>(use: (self: Infrastructure<P>) => R): R {
    return this.#services.withClosure(this, use)
  }

  /** Says something, to the listeners of `log`, or on stderr, if the `debug_level` of the stanza lets it. (MO-17) */
  log(level: LogLevel, text: string): void {
    this.#services.log(this, level, text)
  }
}

Object.freeze(Infrastructure.prototype)

/** @internal Its `extInit` is called with `privileged`. */
export function markStartedWithSystem(self: Infrastructure): void {
  mark(self)
}
