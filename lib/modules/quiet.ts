import type { Infrastructure } from './infrastructure'
import type { ModuleDefinition } from './module-def'

type Leave = (self: Infrastructure) => Promise<void> | undefined

/** By their extInit: whoever takes a module in makes a definition of his own. */
const known = new WeakMap<object, Leave>()

/** Before the last call of a module, `leave` sees to it that no thread is in its code. It does not take of the module's time. */
export function leaveFirst(definition: ModuleDefinition, leave: Leave): void {
  known.set(definition.extInit, leave)
}

/** Resolves when the object can be destroyed; undefined: now. */
export function whenLeft(definition: ModuleDefinition, self: Infrastructure): Promise<void> | undefined {
  return known.get(definition.extInit)?.(self)
}
