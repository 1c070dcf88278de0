import { types } from 'node:util'
import { checkOptions, invalid } from '../arguments'
import type { HookRegistration } from './hook'
import type { HookPoint } from './hook-point'
import type { AnyProvider } from './provider'
import { HookRegistry } from './registry'
import type { Roster } from './roster'

/** Where a script belongs. */
export interface ScriptOptions {
  /**
   * The generation that it is part of, whose registry is being set up: then it goes with that, and the scripts of other generations
   * stay as they are. Default: the window that is open, else the program, as long as it runs or until it is replaced.
   */
  readonly registry?: HookRegistry | undefined
}

/** What became of the functions of a script. */
export interface ScriptInfo {
  readonly name: string
  /** `scope.name` of the hooks that it provides. */
  readonly hooks: readonly string[]
  /** Functions whose names are those of no hook, or of several; they wait for a hook that is declared later. */
  readonly unknown: readonly string[]
}

interface Table {
  readonly name: string
  readonly self: object
  readonly functions: Map<string, AnyProvider>
  /** Undefined: the program's. */
  readonly registry: HookRegistry | undefined
  readonly wired: Map<string, { readonly hook: string; readonly registration: HookRegistration }>
}

const OPTIONS: ReadonlySet<string> = new Set<keyof ScriptOptions>(['registry'])
/** An object whose prototypes never end is no script. */
const MOST_PROTOTYPES = 64

/**
 * Scripts: plain objects whose functions are named `<scope>_<hook>`. Each such function is a provider of that hook, at the end of its
 * list; it gets the object, then the arguments of the call. Scripts are given no hooks: they can neither call nor declare any.
 * (HK-15)
 */
export class Scripts {
  readonly #roster: Roster
  readonly #program = new Map<string, Table>()
  readonly #generations = new WeakMap<HookRegistry, Map<string, Table>>()

  /** @internal Made by Hooks. */
  constructor(roster: Roster) {
    this.#roster = roster
  }

  /**
   * Registers the functions of an object. A script of the same name is replaced whole; when the object cannot be read, it stays as it
   * was. A function whose name is that of no hook is warned of, and provides a hook that is declared later; names that begin with an
   * underscore are the script's own. ERR_INVALID_ARGUMENT, ERR_WRONG_THREAD, ERR_PHASE, ERR_RELEASED, what a getter of the object throws.
   */
  registerModule(name: string, script: object, options: ScriptOptions = {}): ScriptInfo {
    if (typeof name !== 'string' || name === '') throw invalid('the name of a script', 'is text', name)
    if ((typeof script !== 'object' && typeof script !== 'function') || script === null)
      throw invalid('a script', 'is an object of functions', script)
    checkOptions('registerModule', options, OPTIONS, '{ registry }')
    const registry = this.#registry(options.registry)
    const functions = functionsOf(script)
    const tables = this.#tables(registry)
    this.#drop(tables, name)
    const table: Table = { name, self: script, functions, registry, wired: new Map() }
    tables.set(name, table)
    this.#wireAll(table)
    return infoOf(table)
  }

  /** Takes a script of the program out. False where there is none of that name. */
  unregisterModule(name: string): boolean {
    return this.#drop(this.#program, name)
  }

  /** Those of the program and of the current generation. */
  list(): ScriptInfo[] {
    const generation = this.#generations.get(this.#roster.current)
    return [...this.#program.values(), ...(generation?.values() ?? [])].map(infoOf)
  }

  /** @internal A hook was declared: functions that waited for it are its providers now. */
  declared(point: HookPoint): void {
    const key = keyOf(point)
    const window = this.#roster.windows.current?.registry
    for (const tables of [this.#program, this.#known(this.#roster.current), this.#known(window)])
      for (const table of tables?.values() ?? [])
        if (table.functions.has(key) && !table.wired.has(key)) this.#wire(table, key, point)
  }

  #known(registry: HookRegistry | undefined): Map<string, Table> | undefined {
    return registry && this.#generations.get(registry)
  }

  #registry(given: HookRegistry | undefined): HookRegistry | undefined {
    const registry = given ?? this.#roster.windows.current?.registry
    if (registry === undefined) return undefined
    if (!(registry instanceof HookRegistry)) throw invalid('registry', 'is one of hooks.fork()', registry)
    this.#roster.checkRegistry(registry)
    return registry
  }

  #tables(registry: HookRegistry | undefined): Map<string, Table> {
    if (registry === undefined) return this.#program
    const known = this.#generations.get(registry)
    if (known !== undefined) return known
    const made = new Map<string, Table>()
    this.#generations.set(registry, made)
    return made
  }

  #drop(tables: Map<string, Table>, name: string): boolean {
    const table = tables.get(name)
    if (table === undefined) return false
    for (const { registration } of table.wired.values()) registration.unregister()
    return tables.delete(name)
  }

  #wireAll(table: Table): void {
    const points = this.#declaredPoints()
    for (const key of table.functions.keys()) {
      const found = points.get(key) ?? []
      const [point] = found
      if (point !== undefined && found.length === 1) this.#wire(table, key, point)
      else warn(table.name, key, found)
    }
  }

  #wire(table: Table, key: string, point: HookPoint): void {
    const fn = table.functions.get(key) as AnyProvider
    const registration = this.#roster.add(table.registry ?? this.#roster.current, point, 'last', {
      fn: fn.bind(table.self),
      closure: table.self,
      lifetime: table.registry === undefined ? 'process' : 'generation',
      module: table.name,
      label: key,
      isAsync: types.isAsyncFunction(fn),
    })
    table.wired.set(key, { hook: point.fullName, registration })
  }

  /** By the name that a function of a script has for it; scopes and names hold underscores, so several may share one. */
  #declaredPoints(): Map<string, HookPoint[]> {
    const points = new Map<string, HookPoint[]>()
    for (const point of this.#roster.points.values()) {
      if (point.declared === undefined) continue
      const known = points.get(keyOf(point))
      if (known === undefined) points.set(keyOf(point), [point])
      else known.push(point)
    }
    return points
  }
}

function keyOf({ scope, name }: HookPoint): string {
  return `${scope}_${name}`
}

/** Read once, so that a getter which throws leaves everything as it was. Own properties hide those of prototypes. */
function functionsOf(script: object): Map<string, AnyProvider> {
  const functions = new Map<string, AnyProvider>()
  let from: object | null = script
  for (let depth = 0; from !== null && from !== Object.prototype && depth < MOST_PROTOTYPES; depth++) {
    for (const key of Object.getOwnPropertyNames(from)) {
      if (key === 'constructor' || key.startsWith('_') || functions.has(key)) continue
      const value: unknown = Reflect.get(script, key)
      if (typeof value === 'function') functions.set(key, value as AnyProvider)
    }
    from = Object.getPrototypeOf(from)
  }
  return functions
}

function infoOf({ name, functions, wired }: Table): ScriptInfo {
  const hooks = [...wired.values()].map(({ hook }) => hook)
  return { name, hooks, unknown: [...functions.keys()].filter((key) => !wired.has(key)) }
}

function warn(script: string, key: string, found: readonly HookPoint[]): void {
  const why =
    found.length === 0
      ? 'is the name of no hook'
      : `may mean ${found.map(({ fullName }) => fullName).join(' or ')}`
  process.emitWarning(`script ${script}: function ${key} ${why}, it provides nothing`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_HOOK_SCRIPT',
  })
}
