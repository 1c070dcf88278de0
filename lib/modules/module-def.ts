import { shown } from '../arguments'
import type { ControlResponse } from '../control'
import type { HookRegistry } from '../hooks'
import type { Infrastructure } from './infrastructure'
import { messageOf, ModuleError } from './module-error'
import { checkOptionTable, type ModuleOptions } from './module-options'
import type { SetupContext } from './setup-context'

/** What an `extInit` call is for. (MO-10) */
export interface InitFlags {
  readonly mode: 'init' | 'postinit' | 'destroy'
  /** At the start, before privileges are dropped: what belongs to post-init comes later, in a call of its own. */
  readonly privileged: boolean
}

/**
 * Text a module has to say about its set-up: it goes into the `output` of the result of the transaction, and into the log as
 * `notice`. In `postinit` and `destroy`, which are part of none, into the log alone.
 */
export type InitOutput = string[]

/**
 * A transaction that is being set up, or the active generation: hooks of it are called by `callTxn`, options of it are
 * fetched by `self.fetchAtInit`.
 */
export interface ModuleTransaction {
  /** Of the generation. */
  readonly hookRegistry: HookRegistry
}

/** 0, undefined, or a promise of these: success. Anything else, -1, null, an exception, a rejection: failure. */
export type PhaseResult = number | void | undefined | Promise<number | undefined> | Promise<void>

/** How the client of a command wants its answer. */
export interface ControlFlags {
  /** `table` and `fields` of the response mark up, and everything else is escaped. */
  readonly xml: boolean
}

/**
 * Runs a command of the console: the words after the module's name, as they were typed. What it appends to the response is
 * the answer; what it throws becomes part of it, and the console goes on. (MO-14)
 */
export type ControlFunction<P = unknown> = (
  self: Infrastructure<P>,
  response: ControlResponse,
  command: string,
  flags: ControlFlags,
) => void | Promise<void>

/** What `defineModule` takes. */
export interface ModuleSpec<P = unknown> {
  /** Letters, digits, `_` and `-`; compared without regard to case. */
  readonly name: string
  readonly description?: string
  /** One object for the life of the process, instead of one a generation. Default false. (MO-12, MO-13) */
  readonly singleton?: boolean
  /** Options that are registered before `confSetup`, by name; see `defineOption`. (MO-07) */
  readonly options?: ModuleOptions
  /** Commands of the console that begin with the module's name. (MO-14) */
  readonly control?: ControlFunction<P> | null | undefined
  /** Once in the life of the module: options, memtypes, and of a singleton the hooks are registered here. (MO-09) */
  readonly confSetup: (self: Infrastructure<P>, context: SetupContext) => PhaseResult
  /** At each generation, and at the end of one. (MO-10) */
  readonly extInit: (
    self: Infrastructure<P>,
    txn: ModuleTransaction,
    output: InitOutput,
    flags: InitFlags,
  ) => PhaseResult
  /** For a singleton: at `modules.close()`, and where it was set up for a generation that never came. */
  readonly onExit?: ((self: Infrastructure<P>) => PhaseResult) | null | undefined
}

/** A module as `defineModule` checked it: frozen. */
export interface ModuleDefinition<P = unknown> {
  readonly name: string
  readonly description: string
  readonly singleton: boolean
  readonly options: ModuleOptions
  readonly control: ControlFunction<P> | undefined
  readonly confSetup: ModuleSpec<P>['confSetup']
  readonly extInit: ModuleSpec<P>['extInit']
  readonly onExit: ModuleSpec<P>['onExit'] | undefined
}

/** Slots of the infrastructure that modules of old had; whoever fills one expects it to be called. (MO-08) */
const LEGACY_SLOTS = ['conf', 'extConf', 'init', 'postInit', 'enable', 'canUnload'] as const
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/**
 * A module. Each member is read once, here. ERR_MODULE_DEF: something is missing or of the wrong kind.
 * ERR_MODULE_LEGACY_SLOT: one of `conf`, `extConf`, `init`, `postInit`, `enable`, `canUnload` is there. (MO-08)
 */
export function defineModule<P = unknown>(spec: ModuleSpec<P>): ModuleDefinition<P> {
  if (typeof spec !== 'object' || spec === null) throw wrong('defineModule takes', 'an object', spec)
  const given = read(spec as unknown as Record<string, unknown>)
  const name = given.name
  if (typeof name !== 'string' || !NAME.test(name))
    throw wrong('name of a module', 'is of letters, digits, _ and -', name)
  for (const slot of LEGACY_SLOTS) if (given[slot] != null) throw legacy(name, slot)
  for (const slot of ['confSetup', 'extInit']) mandatory(name, slot, given[slot])
  for (const slot of ['control', 'onExit']) optional(name, slot, given[slot])
  const { description = '', singleton = false } = given
  if (typeof description !== 'string') throw wrong(`${name}: description`, 'is text', description)
  if (typeof singleton !== 'boolean') throw wrong(`${name}: singleton`, 'is true or false', singleton)
  return Object.freeze({
    name,
    description,
    singleton,
    options: checkOptionTable(name, given.options),
    control: given.control ?? undefined,
    confSetup: given.confSetup,
    extInit: given.extInit,
    onExit: given.onExit ?? undefined,
  }) as ModuleDefinition<P>
}

function read(spec: Record<string, unknown>): Record<string, unknown> {
  const slots = ['name', 'description', 'singleton', 'options', 'control', 'confSetup', 'extInit', 'onExit']
  try {
    return Object.fromEntries([...slots, ...LEGACY_SLOTS].map((slot) => [slot, spec[slot]]))
  } catch (error) {
    throw new ModuleError('ERR_MODULE_DEF', `defineModule: ${messageOf(error)}`, { cause: error })
  }
}

function mandatory(name: string, slot: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(`${name}: ${slot}`, 'must be a function', value)
}

function optional(name: string, slot: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === 'function') return
  throw wrong(`${name}: ${slot}`, 'is a function', value)
}

function wrong(what: string, expected: string, given: unknown): ModuleError {
  return new ModuleError('ERR_MODULE_DEF', `${what} ${expected}, not ${shown(given)}`)
}

function legacy(module: string, slot: string): ModuleError {
  const text = `${module}: the slot ${slot} belongs to modules of old, it must be null or left out`
  return new ModuleError('ERR_MODULE_LEGACY_SLOT', text, { module })
}
