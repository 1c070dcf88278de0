import { invalid } from '../arguments'
import type { CommandFunction, Control } from '../control'
import type { Config, OptionDef, OptionSlot, ScopeSpec } from '../config'
import { HeddleError } from '../errors'
import { type Memtype, type MemtypeDef, memtypes } from '../memory'

/** A memtype of a module. It exists from its first use, or from when the configuration that set the module up is active. */
export interface ModuleMemtype {
  /** For `memtypes.malloc` and its like. Throws what `memtypes.register` throws. */
  readonly memtype: Memtype
}

/** What a module may register in `confSetup`, and what is undone where its configuration fails. (MO-09) */
export interface SetupContext {
  /** As `config.registerOption`. */
  registerOption(def: OptionDef): OptionSlot
  /** As `config.defineScope`. (CF-36) */
  defineScope(spec: ScopeSpec): void
  /** As `memtypes.register`; what that would refuse is refused here. */
  registerMemtype(def: MemtypeDef): ModuleMemtype
  /** A command of the console while the module is loaded, beside those that begin with its name. (CN-05) */
  registerCommand(name: string, run: CommandFunction, help?: string): void
}

interface Command {
  readonly name: string
  readonly run: CommandFunction
  readonly help: string
}

/** One module's set-up: open while `confSetup` runs, then kept or undone as a whole. */
export class Setup implements SetupContext {
  readonly #module: string
  readonly #config: Config
  readonly #slots: OptionSlot[] = []
  readonly #memtypes: LazyMemtype[] = []
  readonly #commands: Command[] = []
  #isOpen = true

  constructor(module: string, config: Config) {
    this.#module = module
    this.#config = config
  }

  registerOption(def: OptionDef): OptionSlot {
    this.#checkOpen('options')
    const slot = this.#config.registerOption({ ...def, module: this.#module })
    this.#slots.push(slot)
    return slot
  }

  defineScope(spec: ScopeSpec): void {
    this.#checkOpen('scopes')
    this.#config.defineScope(spec)
  }

  registerMemtype(def: MemtypeDef): ModuleMemtype {
    this.#checkOpen('memtypes')
    const copy = Object.freeze({ ...def })
    memtypes.checkDefinition(copy)
    const memtype = new LazyMemtype(copy)
    this.#memtypes.push(memtype)
    return memtype
  }

  registerCommand(name: string, run: CommandFunction, help = ''): void {
    this.#checkOpen('commands')
    if (typeof name !== 'string') throw invalid('registerCommand takes', 'the name of a command', name)
    this.#commands.push({ name, run, help })
  }

  /** Names of commands, in lower case. */
  get commands(): readonly string[] {
    return this.#commands.map(({ name }) => name.toLowerCase())
  }

  /** Options in the order of their registration. */
  get slots(): readonly OptionSlot[] {
    return this.#slots
  }

  /** `confSetup` is over. */
  close(): void {
    this.#isOpen = false
  }

  /** Registers memtypes that nobody has used. They are for life, so this comes when nothing else can fail any more. */
  makeMemtypes(): void {
    for (const lazy of this.#memtypes) void lazy.memtype
  }

  /** Registers the commands for the generation that is being set up, each run by `use`. ERR_NAME_TAKEN. */
  makeCommands(control: Control, use: (run: () => unknown) => unknown): void {
    for (const { name, run, help } of this.#commands)
      control.register(name, (response, call) => use(() => run(response, call)), {
        help,
        scope: 'generation',
      })
  }

  /** Takes away those of the active generation. */
  dropCommands(control: Control): void {
    for (const { name } of this.#commands) control.unregister(name, 'generation')
  }

  #checkOpen(what: string): void {
    if (this.#isOpen) return
    throw new HeddleError('ERR_PHASE', `${this.#module}: ${what} are registered in confSetup, which is over`)
  }
}

class LazyMemtype implements ModuleMemtype {
  readonly #def: MemtypeDef
  #memtype: Memtype | undefined

  constructor(def: MemtypeDef) {
    this.#def = def
  }

  get memtype(): Memtype {
    this.#memtype ??= memtypes.register(this.#def)
    return this.#memtype
  }
}
