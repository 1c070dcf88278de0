import type { Config } from '../config'
import type { HookRegistry, Hooks } from '../hooks'
import { Infrastructure, type InfrastructureServices, markStartedWithSystem } from './infrastructure'
import { Instance } from './instance'
import type { ModuleClass } from './module-class'
import type { InitFlags, InitOutput, ModuleTransaction, PhaseResult } from './module-def'
import { ModuleError, type ModulePhase } from './module-error'
import { runPhase } from './phase'
import { whenLeft } from './quiet'
import { Setup } from './setup-context'

/** What the life cycle is given by Modules. */
export interface LifeCycleHost {
  readonly hooks: Hooks
  readonly config: Config
  /** Milliseconds that one call into a module may take. */
  readonly timeout: number
  /** Runs a call into a module, which may not wait for what waits for it. */
  phase(run: () => Promise<void>): Promise<void>
  /** What an infrastructure asks of the system. */
  services(owner: ModuleClass): InfrastructureServices
  /** What failed without anybody to be told by an exception. */
  failed(error: ModuleError): void
  /** What a module wrote into `output`: of the configuration that it was called for. */
  said(self: Infrastructure, output: readonly string[], txn?: ModuleTransaction): void
}

/** A transaction in which nothing can be asked any more: what `extInit` gets to destroy. */
const OVER: ModuleTransaction = Object.freeze({
  get hookRegistry(): HookRegistry {
    throw new ModuleError('ERR_RELEASED', 'the generation of this module is over')
  },
})

/** Calls modules in the phases of their life, each within the time and with the rights it has. */
export class LifeCycle {
  readonly #host: LifeCycleHost

  constructor(host: LifeCycleHost) {
    this.#host = host
  }

  /** An object of a module. A singleton's is made once. */
  instance(owner: ModuleClass, name: string | undefined): Instance {
    return new Instance(owner, this.#infrastructure(owner, name))
  }

  /**
   * Registers the options of a new module and calls its `confSetup`: with the one object of a singleton, else with an object of
   * the class, since those of generations come later. (MO-09)
   */
  async setUp(
    owner: ModuleClass,
    self: Infrastructure,
    txn: ModuleTransaction,
    privileged: boolean,
  ): Promise<void> {
    const setup = new Setup(owner.definition.name, this.#host.config)
    try {
      owner.registerOptions(setup)
      await this.#inWindow(self, 'confSetup', txn, privileged, () => owner.definition.confSetup(self, setup))
    } finally {
      setup.close()
    }
    owner.keep(setup)
  }

  /** The object that `confSetup` of a non-singleton gets. */
  classObject(owner: ModuleClass): Infrastructure {
    return this.#infrastructure(owner, undefined)
  }

  /** Calls `extInit` to initialise. (MO-10, MO-11) */
  async init(instance: Instance, txn: ModuleTransaction, flags: InitFlags): Promise<void> {
    const { self, owner } = instance
    instance.isEntered = true
    if (flags.privileged) markStartedWithSystem(self)
    const output: InitOutput = []
    try {
      await this.#inWindow(self, 'extInit', txn, flags.privileged, () =>
        owner.definition.extInit(self, txn, output, flags),
      )
    } finally {
      this.#host.said(self, textsOf(output), txn)
    }
  }

  /** Calls `extInit` to destroy, once; a failure is told and changes nothing. (MO-13) */
  async destroy(instance: Instance): Promise<void> {
    if (instance.isGone) return
    instance.isGone = true
    if (!instance.isEntered) return
    const { self, owner } = instance
    const left = whenLeft(owner.definition, self)
    if (left !== undefined) await this.#untilLeft(instance, left)
    const output: InitOutput = []
    const flags: InitFlags = Object.freeze({ mode: 'destroy', privileged: false })
    await this.#quietly(self, 'extInit', () => owner.definition.extInit(self, OVER, output, flags))
    this.#host.said(self, textsOf(output))
  }

  /** Calls `onExit` of a singleton that goes after all. */
  async exit(instance: Instance): Promise<void> {
    if (instance.isGone) return
    instance.isGone = true
    const { self, owner } = instance
    const { onExit } = owner.definition
    const left = whenLeft(owner.definition, self)
    if (left !== undefined) await this.#untilLeft(instance, left)
    if (typeof onExit === 'function') await this.#quietly(self, 'onExit', () => onExit(self))
  }

  /** However long that takes, since its code may run; when it takes long, that is told. */
  async #untilLeft({ id }: Instance, left: Promise<void>): Promise<void> {
    const { timeout, failed } = this.#host
    const timer = setTimeout(() => {
      const message = `module ${id}: some thread has been in it, or in a section, for ${timeout} ms; it is waited for`
      failed.call(this.#host, new ModuleError('ETIME', message, { module: id }))
    }, timeout)
    await left
    clearTimeout(timer)
  }

  async #quietly(self: Infrastructure, phase: ModulePhase, run: () => PhaseResult): Promise<void> {
    try {
      await this.#run(self, phase, run)
    } catch (error) {
      this.#host.failed(error as ModuleError)
    }
  }

  /** Hooks may be registered meanwhile, as far as the phase lets that. (HK-08) */
  async #inWindow(
    self: Infrastructure,
    phase: 'confSetup' | 'extInit',
    { hookRegistry }: ModuleTransaction,
    privileged: boolean,
    run: () => PhaseResult,
  ): Promise<void> {
    const { name, singleton } = self
    const window = {
      module: name,
      phase,
      singleton,
      privileged,
      registry: hookRegistry,
      infrastructure: self,
    }
    await this.#host.hooks.during(window, () => this.#run(self, phase, run))
  }

  #run({ id }: Infrastructure, phase: ModulePhase, run: () => PhaseResult): Promise<void> {
    const { timeout, failed } = this.#host
    const late = (error: ModuleError): void => failed.call(this.#host, error)
    return this.#host.phase(() => runPhase({ module: id, phase, timeout, run, late }))
  }

  #infrastructure(owner: ModuleClass, instance: string | undefined): Infrastructure {
    const { definition, file } = owner
    return new Infrastructure(definition, { instance, file }, this.#host.services(owner))
  }
}

/** Whatever a module has made of its array. */
function textsOf(output: InitOutput): string[] {
  try {
    return Array.from(output).filter((text) => typeof text === 'string')
  } catch {
    return []
  }
}
