import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as source from '../../lib'
import type { AnyHook, Hooks } from '../../lib'

const compiled = createRequire(__filename)(join(__dirname, '../../dist/index.js')) as typeof source

/** More calls than a hook needs to get a compiled caller. */
const MANY = 1100

/**
 * The same hooks in three conditions: called for the first time, which a loop does; called often, with the compiled caller that all
 * hooks share where a copy cannot be made (from TypeScript, bundled); and with one of their own, in the compiled package.
 */
export const CONDITIONS = [
  { condition: 'called rarely', Hooks: source.Hooks, isHot: false },
  { condition: 'called often', Hooks: source.Hooks, isHot: true },
  { condition: 'with a caller of its own', Hooks: compiled.Hooks, isHot: true },
]

/** Brings a hook into its condition, with as many arguments as it will be called with. */
export function prepared<H>(hook: H, isHot: boolean, count = 0): H {
  if (!isHot) return hook
  const args = new Array<unknown>(count).fill(0)
  const { call } = hook as AnyHook
  for (let i = 0; i < MANY; i++) {
    try {
      call(...args)
    } catch {
      // It has neither providers nor a default.
    }
  }
  return hook
}

/** Windows of modules, as the life-cycle of modules opens them. */
export class Stage {
  constructor(readonly hooks: Hooks) {}

  /** `confSetup` of a singleton. */
  singleton<T>(module: string, run: () => T, registry = this.hooks.current, infrastructure: object = {}): T {
    return this.hooks.during(
      { module, phase: 'confSetup', singleton: true, privileged: false, registry, infrastructure },
      run,
    )
  }

  /** `extInit` of a module that is no singleton. */
  perGeneration<T>(
    module: string,
    run: (self: object) => T,
    registry = this.hooks.current,
    infrastructure: object = {},
  ): T {
    return this.hooks.during(
      { module, phase: 'extInit', singleton: false, privileged: false, registry, infrastructure },
      () => run(infrastructure),
    )
  }
}

/** Nobody is called with nothing. */
export function nothing(): void {}
