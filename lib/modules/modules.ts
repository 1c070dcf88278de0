import { checkOptions, flag, invalid } from '../arguments'
import { type CommandResult, Control } from '../control'
import { type Config, OptionSlot, type ConfigReadable, Transaction } from '../config'
import { HeddleError } from '../errors'
import type { HookRegistry, Hooks } from '../hooks'
import { Assembly } from './assembly'
import { Catalogue } from './catalogue'
import { checkCommandNames, ModuleCommands, targetOf } from './commands'
import { ModuleGeneration } from './generation'
import type { Infrastructure, InfrastructureServices } from './infrastructure'
import { type Instance, instanceKey } from './instance'
import { Library, type ModuleEntry } from './library'
import { LifeCycle } from './life-cycle'
import { DEFAULT_LEVEL, isHeard, isLogLevel, type LogLevel } from './log-level'
import type { ModuleManifest } from './manifest'
import type { ModuleClass } from './module-class'
import type { ModuleDefinition, ModuleSpec } from './module-def'
import { messageOf, ModuleError } from './module-error'
import { loadNativeModule } from './native-module'
import { type ModuleReports, Reports, warnOf } from './reports'
import { foldersOf, ManifestFolders, type ScannedFolder, type SearchPath } from './scan'
import { settlesWithin } from './phase'
import { ScriptModules } from './scripts'
import { Turns } from './turns'
import { Uses } from './uses'

/** What Modules is made of. */
export interface ModulesOptions {
  /** Whose generations the modules follow. It needs `hooks`, the same. */
  readonly config: Config
  /** Where modules register; made with `phases: true`, so that they can do it in their phases only. */
  readonly hooks: Hooks
  /** Whose commands those of the modules become. Default: one of its own. */
  readonly control?: Control
  /** Folders that are scanned for manifests: an array, or text with `:` or `;` between. Default: none. */
  readonly searchPath?: SearchPath
  /** Milliseconds that one call into a module may take. Default 30,000. */
  readonly timeout?: number
  /** The first error in a manifest throws, instead of being told as `failure`. Default false. (MO-01) */
  readonly strict?: boolean
}

/** One object of a module in the active generation. (MO-15, MO-18) */
export interface ModuleInfo {
  readonly name: string
  readonly instance: string | undefined
  /** What commands of the console begin with. */
  readonly id: string
  readonly singleton: boolean
  readonly generation: number
  readonly description: string
  readonly file: string
  readonly startedWithSystem: boolean
  /** A singleton whose stanza is gone. */
  readonly isKept: boolean
}

const KNOWN: ReadonlySet<string> = new Set(['config', 'hooks', 'control', 'searchPath', 'timeout', 'strict'])
const EXAMPLE = "{ config, hooks, searchPath: 'modules' }"
/** setTimeout takes no more. */
const MAX_TIMEOUT = 2 ** 31 - 1

/**
 * Modules: found by manifests, loaded by the configuration, called in the phases of their life. It takes part in every
 * transaction of its Config: what fails there fails the transaction, and what was set up for it is taken back.
 *
 * Thread rule: the isolate of its Config.
 */
export class Modules implements AsyncDisposable {
  readonly #config: Config
  readonly #hooks: Hooks
  readonly #control: Control
  readonly #timeout: number
  readonly #isStrict: boolean
  readonly #folders = new ManifestFolders()
  readonly #catalogue = new Catalogue()
  readonly #library: Library
  readonly #reports = new Reports()
  readonly #lifeCycle: LifeCycle
  readonly #scripts: ScriptModules
  readonly #singletons = new Map<string, Instance>()
  readonly #generations = new Map<number, ModuleGeneration>()
  /** Capabilities that the program has asked for, and got. */
  readonly #pinned = new Set<string>()
  /** What a transaction is made to load. */
  readonly #asked = new WeakMap<Transaction, string>()
  #assembly: Assembly | undefined
  readonly #turns = new Turns()
  #endTurn: (() => void) | undefined
  readonly #uses = new Uses()
  /** No command finds a module any more. */
  readonly #withdraw: () => void
  #closing: Promise<void> | undefined
  /** Until a generation has modules, or post-init comes: then what is set up gets its privileged part. */
  #isStarting = true

  /**
   * ERR_INVALID_ARGUMENT. Scans the search path: ERR_MANIFEST for a folder that cannot be read, with `strict` the errors of
   * manifests; without that they are told when listeners have had time to come, in the next turn of the loop.
   */
  constructor(options: ModulesOptions) {
    checkOptions('Modules', options, KNOWN, EXAMPLE)
    const { config, hooks, control, searchPath, timeout = 30_000, strict = false } = options
    if (typeof config?.participant !== 'function') throw invalid('config', 'is a Config', config)
    if (typeof hooks?.during !== 'function') throw invalid('hooks', 'are Hooks', hooks)
    if (config.hooks !== hooks) throw invalid('config', 'is a Config with the same hooks', config)
    if (!Number.isInteger(timeout) || timeout < 1 || timeout > MAX_TIMEOUT)
      throw invalid('timeout', 'is a number of milliseconds', timeout)
    this.#config = config
    this.#hooks = hooks
    this.#timeout = timeout
    this.#isStrict = flag('strict', strict, false)
    const limits = { timeout, late: (error: ModuleError): void => this.#failed(error) }
    this.#library = new Library(this.#catalogue, limits)
    this.#lifeCycle = this.#newLifeCycle()
    const errors = foldersOf(searchPath).flatMap((folder) => this.#read(folder).errors)
    if (errors.length > 0) setImmediate(() => this.#allFailed(errors))
    this.#scripts = new ScriptModules(config, hooks, limits)
    this.#control = control ?? new Control()
    config.participant(this.#control.generations)
    config.participant({
      load: (txn) => this.#load(txn),
      prepare: (txn) => this.#prepare(txn),
      commit: (txn) => this.#commit(txn),
      abort: () => this.#abort(),
      destroy: (generation) => this.#destroy(generation),
    })
    const modules = this
    this.#withdraw = this.#control.offer(
      new ModuleCommands({
        get current() {
          return modules.#current
        },
        hold: (use) => modules.#hold(use),
      }),
    )
  }

  // What there is

  /**
   * Reads the manifests of a folder. They are looked at again at each load of a configuration: what is new or was written since
   * is read, and what is gone is forgotten. What is wrong in them is told as `failure`, or thrown with `strict`. Gives back what was
   * read; a folder that is known by another path keeps that. ERR_MANIFEST: the folder cannot be read. (MO-01)
   */
  scan(folder: string): readonly ModuleManifest[] {
    const { manifests, errors } = this.#read(folder)
    this.#allFailed(errors)
    return manifests
  }

  /** Every manifest that was read, in this order. (MO-18) */
  manifests(): readonly ModuleManifest[] {
    return this.#catalogue.manifests()
  }

  /** Whether a manifest, or the program, has brought a module of that name. */
  knows(name: string): boolean {
    return this.#library.knows(String(name))
  }

  /** What is wrong in manifests, also where it was told. (MO-01, MO-14) */
  problems(): readonly ModuleError[] {
    return this.#catalogue.errors()
  }

  /**
   * Takes in a module that the program brings itself, as a manifest would. Its stanza loads it. ERR_MODULE_DEF,
   * ERR_MODULE_LEGACY_SLOT, ERR_MODULE_DUPLICATE, ERR_INVALID_ARGUMENT.
   */
  add<P>(module: ModuleSpec<P> | ModuleDefinition<P>, entry: ModuleEntry = {}): ModuleDefinition<P> {
    return this.#library.add(module as ModuleSpec<never>, entry) as ModuleDefinition<P>
  }

  /**
   * Loads a native module that no manifest names, and takes it in under the name that it has itself, as `add` does. The library
   * stays loaded until the process ends. ERR_NATIVE_REQUIRED; ERR_DSO_LOAD, ERR_DSO_SYMBOL, ERR_DSO_ABI, ERR_DSO_REGISTER, and
   * what opening the file says; the errors of `add`. (MO-20)
   */
  loadNative(path: string, entry: ModuleEntry = {}): ModuleDefinition {
    if (typeof path !== 'string' || path === '')
      throw invalid('loadNative takes', 'the path of a library', path)
    return this.#library.add(loadNativeModule(path) as ModuleSpec<never>, entry)
  }

  /** The objects of modules in the active generation, in the order of their set-up. (MO-15) */
  loaded(): readonly ModuleInfo[] {
    const generation = this.#current
    if (generation === undefined) return []
    return generation.instances.map((instance) => infoOf(instance, generation.number))
  }

  /** Listens. A listener that throws is reported as an uncaught exception. (MO-05) */
  on<K extends keyof ModuleReports>(event: K, listener: (report: ModuleReports[K]) => void): this {
    if (typeof listener !== 'function') throw invalid(`on ${String(event)}`, 'takes a function', listener)
    this.#reports.on(event, listener)
    return this
  }

  off<K extends keyof ModuleReports>(event: K, listener: (report: ModuleReports[K]) => void): this {
    this.#reports.off(event, listener)
    return this
  }

  // What they do

  /**
   * The second part of the start, after privileges have been dropped: `extInit` with `postinit`, once for each object that has had
   * the first. ERR_MODULE_FAILED, ETIME: the start has failed. ERR_CLOSED; EDEADLK in a phase of a module. (MO-10)
   */
  async postInit(): Promise<void> {
    const end = await this.#turns.take('postInit()')
    try {
      this.#checkOpen()
      this.#isStarting = false
      using snapshot = this.#config.snapshot()
      const flags = Object.freeze({ mode: 'postinit', privileged: false } as const)
      for (const instance of this.#generations.get(snapshot.generation)?.instances ?? []) {
        if (!instance.needsPostInit) continue
        instance.needsPostInit = false
        await this.#lifeCycle.init(instance, snapshot, flags)
      }
    } finally {
      end()
    }
  }

  /**
   * The name of a module that provides a capability, or has that name. One that is not loaded is loaded, by a new generation, which
   * conflicts with transactions that are open; of several the first that can be, and what kept the others is told as `failure`.
   * From now on every generation has it. ERR_MODULE_DEP, EDEADLK in a phase of a module, and what a transaction rejects with. (MO-16)
   */
  async resolve(capability: string): Promise<string> {
    if (typeof capability !== 'string')
      throw invalid('resolve takes', 'a capability, or a module', capability)
    const loaded = (): string | undefined => {
      const generation = this.#current
      const names = [capability, ...this.#library.providers(capability)]
      return names.find((name) => generation?.has(name) === true)
    }
    for (;;) {
      const found = loaded()
      if (found !== undefined) return found
      await this.#ask(capability)
    }
  }

  /**
   * Calls `use` with the object of a module in the active generation, which lives until `use` has returned, or its promise is
   * settled. ERR_MODULE_UNKNOWN: it is not loaded. (HK-12)
   */
  withClosure<R>(id: string, use: (self: Infrastructure) => R): R {
    if (typeof id !== 'string') throw invalid('withClosure takes', 'the name of a module', id)
    if (typeof use !== 'function') throw invalid('withClosure takes', 'a function', use)
    const { module, instance } = targetOf(id)
    return this.#withClosure(module, instance, use)
  }

  /**
   * Runs a command of the console: `module command`, `module:instance command`. Commands run one after the other; what fails is
   * in the text. (MO-14, MO-17)
   */
  control(line: string, { xml = false }: { readonly xml?: boolean } = {}): Promise<CommandResult> {
    return this.#control.run(line, { xml })
  }

  /**
   * The end of the program. What is being set up comes to its end first. Then, in this order: commands of modules are gone, and their
   * providers, those of singletons too, and of all generations, so that no call begins that would reach them; asynchronous calls,
   * commands and closures in progress end, for which it waits no longer than `timeout`, so long also for one that waits for this; objects are destroyed, those of
   * older generations first, and for singletons `onExit` is called, the last set up first. Transactions of the Config fail with
   * ERR_CLOSED from now on. Called again it waits for the same end. It never rejects but with EDEADLK in a phase of a module,
   * which the end waits for: it comes when that is over.
   */
  async close(): Promise<void> {
    const isInPhase = this.#turns.isInPhase
    this.#closing ??= this.#close()
    if (isInPhase) this.#turns.check('close()')
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // The participant of the configuration

  async #load(txn: Transaction): Promise<void> {
    this.#endTurn = await this.#turns.take('a transaction')
    this.#checkOpen()
    this.#rescan()
    const capability = this.#asked.get(txn)
    const asked = capability === undefined ? [] : [capability]
    this.#assembly = new Assembly(
      {
        library: this.#library,
        lifeCycle: this.#lifeCycle,
        reports: this.#reports,
        singletons: this.#singletons,
        isActive: (name) => this.#current?.has(name) === true,
        pinned: new Set([...this.#pinned, ...asked]),
        drained: (registry) => this.#drained([registry], 'a configuration is given up'),
        attempt: (_txn, module, run) => this.#attempt(txn, module, run),
        failed: (error) => this.#failed(error),
      },
      txn,
      this.#isStarting,
    )
    await this.#assembly.load()
  }

  async #prepare(txn: Transaction): Promise<void> {
    const assembly = this.#assembly as Assembly
    await assembly.prepare()
    const owners = [...new Set(assembly.instances.map(({ owner }) => owner))]
    checkCommandNames(owners)
    for (const owner of owners) this.#makeCommands(owner)
    await this.#scripts.prepare(txn)
  }

  #makeCommands({ setup, definition: { name } }: ModuleClass): void {
    try {
      setup?.makeCommands(this.#control, (run) => this.#command(run))
    } catch (error) {
      const code = error instanceof HeddleError ? error.code : 'ERR_MODULE_FAILED'
      throw new ModuleError(code, `module ${name}: ${messageOf(error)}`, { module: name, cause: error })
    }
  }

  /** Also where it is still known while the modules are being closed. */
  #command(run: () => unknown): unknown {
    this.#checkOpen()
    return this.#uses.during(run, nothing)
  }

  #commit(txn: Transaction): void {
    try {
      this.#activate(txn)
    } finally {
      this.#leave()
    }
  }

  #activate(txn: Transaction): void {
    // Before the next transaction begins, which is to have it as well.
    const asked = this.#asked.get(txn)
    if (asked !== undefined) this.#pinned.add(asked)
    const assembly = this.#assembly as Assembly
    const { instances, kept } = assembly
    if (instances.length > 0) this.#isStarting = false
    assembly.commit()
    const generation = new ModuleGeneration(this.#config.generation, instances, txn.hookRegistry)
    this.#generations.set(generation.number, generation)
    for (const instance of instances) {
      if (instance.self.singleton) this.#singletons.set(instance.key, instance)
      const isKept = kept.includes(instance)
      if (isKept && !instance.isKept)
        this.#reports.tell('kept', { module: instance.id }, () => warnOfKept(instance))
      instance.isKept = isKept
    }
  }

  async #abort(): Promise<void> {
    const assembly = this.#assembly
    try {
      await assembly?.abort((instance) => this.#initAgain(instance))
    } finally {
      this.#leave()
    }
  }

  /** A singleton has seen a configuration that did not come about: it is told once more what is active. */
  async #initAgain(instance: Instance): Promise<void> {
    using snapshot = this.#config.snapshot()
    const flags = Object.freeze({ mode: 'init', privileged: false } as const)
    // Without privileges it does the rest as well.
    instance.needsPostInit = false
    try {
      await this.#lifeCycle.init(instance, snapshot, flags)
    } catch (error) {
      this.#failed(error as ModuleError)
    }
  }

  async #destroy(number: number): Promise<void> {
    const generation = this.#generations.get(number)
    if (generation === undefined) return
    await this.#endOf(generation)
    this.#generations.delete(number)
  }

  /** Its objects are destroyed; singletons are of all generations. */
  #endOf(generation: ModuleGeneration): Promise<void> {
    return generation.end(async (instance) => {
      if (!instance.self.singleton) await this.#lifeCycle.destroy(instance)
    })
  }

  // Manifests

  #read(folder: string): { readonly manifests: readonly ModuleManifest[]; readonly errors: ModuleError[] } {
    if (typeof folder !== 'string') throw invalid('scan takes', 'a folder', folder)
    const scanned = this.#folders.scan(folder)
    return { manifests: scanned.manifests, errors: this.#take(scanned) }
  }

  #rescan(): void {
    for (const scanned of this.#folders.changed((error) => this.#failed(error)))
      this.#allFailed(this.#take(scanned))
  }

  #take({ folder, manifests }: ScannedFolder): ModuleError[] {
    const errors = this.#catalogue.set(folder, manifests)
    if (this.#isStrict && errors[0] !== undefined) throw errors[0]
    return errors
  }

  // The end

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new HeddleError('ERR_CLOSED', 'the modules are closed')
  }

  async #close(): Promise<void> {
    const end = await this.#turns.queue()
    try {
      const current = this.#current
      const generations = [...this.#generations.values()]
      this.#cutOff(generations)
      const registries = generations.map(({ registry }) => registry)
      await this.#drained(registries, 'modules are closed', this.#uses.idle())
      for (const generation of generations) if (generation !== current) await this.#endOf(generation)
      await current?.end((instance) =>
        instance.self.singleton ? this.#lifeCycle.exit(instance) : this.#lifeCycle.destroy(instance),
      )
    } finally {
      end()
    }
  }

  /** At once and for all: nothing that begins from now on reaches an object of a module. */
  #cutOff(generations: readonly ModuleGeneration[]): void {
    this.#withdraw()
    for (const owner of new Set(this.#current?.instances.map(({ owner }) => owner)))
      owner.setup?.dropCommands(this.#control)
    this.#generations.clear()
    this.#hooks.activate(this.#hooks.fork())
    for (const { self } of this.#singletons.values()) this.#hooks.drop(self.name)
    for (const { registry } of generations) registry.destroy()
  }

  /** What had begun before has ended, or has had its time. */
  async #drained(registries: readonly HookRegistry[], what: string, more?: Promise<void>): Promise<void> {
    const calls = registries.map((registry) => registry.idle())
    if (await settlesWithin(Promise.all([more, ...calls]), this.#timeout)) return
    const text = `after ${this.#timeout} ms ${what} under calls that have not ended`
    this.#failed(new ModuleError('ETIME', text))
  }

  /** Loads a provider; where another transaction came first, it may have done so. */
  async #ask(capability: string): Promise<void> {
    try {
      await this.#config.transaction((txn) => void this.#asked.set(txn, capability), { by: '<resolve>' })
    } catch (error) {
      if (!(error instanceof HeddleError) || error.code !== 'ERR_CONFIG_CONFLICT') throw error
    }
  }

  /** Runs a part of a transaction, whose registrations are taken back if it fails. */
  async #attempt(txn: Transaction, module: string, run: () => Promise<void>): Promise<void> {
    try {
      await this.#config.takingBack(run)
    } catch (error) {
      this.#hooks.forget(txn.hookRegistry, module)
      throw error
    }
  }

  #leave(): void {
    this.#assembly = undefined
    this.#endTurn?.()
    this.#endTurn = undefined
  }

  // What is behind an infrastructure

  #newLifeCycle(): LifeCycle {
    return new LifeCycle({
      hooks: this.#hooks,
      config: this.#config,
      timeout: this.#timeout,
      phase: (run) => this.#turns.phase(run),
      services: (owner) => this.#services(owner),
      failed: (error) => this.#failed(error),
      said: (self, output, txn) => {
        for (const text of output) this.#log(self, 'notice', text)
        if (txn instanceof Transaction) txn.output.push(...output.map((text) => ({ module: self.id, text })))
      },
    })
  }

  #services(owner: ModuleClass): InfrastructureServices {
    return {
      hooks: this.#hooks.as(owner.definition.name),
      slots: () => owner.slots,
      fetchAtInit: (self, txn, option) =>
        this.#config.fetchModuleAtInit(txn as unknown as ConfigReadable, slotOf(owner, option), self),
      fetch: (self, option) => this.#config.fetchModule(slotOf(owner, option), self),
      withClosure: (self, use) =>
        this.#withClosure(self.name, self.instance, use as (self: Infrastructure) => never),
      log: (self, level, text) => this.#log(self, level, text),
    }
  }

  #withClosure<R>(name: string, instance: string | undefined, use: (self: Infrastructure) => R): R {
    const snapshot = this.#config.snapshot()
    const call = (): R => {
      const found = this.#generations.get(snapshot.generation)?.find(name, instance)
      if (found !== undefined) return use(found.self)
      const text = `module ${instanceKey(name, instance)} is not loaded`
      throw new ModuleError('ERR_MODULE_UNKNOWN', text, { module: name })
    }
    return this.#uses.during(call, () => snapshot.release())
  }

  #hold<R>(use: (generation: ModuleGeneration | undefined) => Promise<R>): Promise<R> {
    const snapshot = this.#config.snapshot()
    const call = (): Promise<R> => use(this.#generations.get(snapshot.generation))
    return this.#uses.during(call, () => snapshot.release())
  }

  #log(self: Infrastructure, level: LogLevel, text: string): void {
    if (!isLogLevel(level)) throw invalid('the level of a text', 'is critical to debug', level)
    if (!isHeard(level, this.#threshold(self))) return
    const module = self.id
    this.#reports.tell('log', { module, level, text: `${text}` }, () => {
      process.stderr.write(`${module}: ${level}: ${text}\n`)
    })
  }

  #threshold(self: Infrastructure): LogLevel {
    const slot = this.#library.loaded(self.name)?.slots.debug_level
    const level = slot === undefined ? undefined : this.#config.value(slot, { instance: self.instance })
    return isLogLevel(level) ? level : DEFAULT_LEVEL
  }

  get #current(): ModuleGeneration | undefined {
    return this.#generations.get(this.#config.generation)
  }

  #allFailed(errors: readonly ModuleError[]): void {
    for (const error of errors) this.#failed(error)
  }

  #failed(error: ModuleError): void {
    this.#reports.tell('failure', error, () => warnOf(error))
  }
}

function nothing(): void {}

function warnOfKept({ id }: Instance): void {
  process.emitWarning(`module ${id} is a singleton: without its stanza it stays until the process ends`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_MODULE_KEPT',
  })
}

/** ERR_INVALID_ARGUMENT: the module declares no such option. */
function slotOf(owner: ModuleClass, option: OptionSlot | string): OptionSlot {
  if (option instanceof OptionSlot) return option
  const slot =
    typeof option === 'string' && Object.hasOwn(owner.slots, option) ? owner.slots[option] : undefined
  if (slot !== undefined) return slot
  throw invalid(`${owner.definition.name}: an option`, 'is a slot, or the name of a declared one', option)
}

function infoOf({ self, id, isKept }: Instance, generation: number): ModuleInfo {
  const { name, instance, singleton, description, file, startedWithSystem } = self
  return { name, instance, id, singleton, generation, description, file, startedWithSystem, isKept }
}
