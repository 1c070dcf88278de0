import type { HookKind } from './hook'
import type { HookPoint } from './hook-point'
import type { ProviderLifetime } from './provider'

/** A provider in the list of hooks; its place in the list is that of its call. (HK-19) */
export interface ProviderInfo {
  readonly name: string
  /** Undefined is the program. */
  readonly module: string | undefined
  readonly lifetime: ProviderLifetime
  /** An async function: only `callAsync` takes it. */
  readonly isAsync: boolean
}

/** A hook as `hooks.list()` tells of it. (HK-19) */
export interface HookInfo {
  readonly scope: string
  readonly name: string
  /** `undeclared`: somebody asked for it, or registered by its name, and nobody has declared it yet. */
  readonly kind: HookKind | 'undeclared'
  /** The module that declared it; undefined is the program, or nobody. */
  readonly owner: string | undefined
  /** In the order of their calls, of the current generation. */
  readonly providers: readonly ProviderInfo[]
}

/** By scope and name. */
export function listing(points: Iterable<HookPoint>): HookInfo[] {
  return [...points].map(infoOf).sort((a, b) => compare(a.scope, b.scope) || compare(a.name, b.name))
}

function infoOf({ scope, name, declared, list }: HookPoint): HookInfo {
  const providers = list.entries.map(({ name, module, lifetime, isAsync }) => ({
    name,
    module,
    lifetime,
    isAsync,
  }))
  return { scope, name, kind: declared?.hook.kind ?? 'undeclared', owner: declared?.owner, providers }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
