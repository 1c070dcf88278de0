import type { Infrastructure } from './infrastructure'
import type { ModuleClass } from './module-class'

/** One object of a module: of one generation, or of a singleton, of all. What has become of it. */
export class Instance {
  /** Its `extInit` has been called, so that it may hold something. */
  isEntered = false
  /** It has had the privileged part of the start and not yet the rest. */
  needsPostInit = false
  /** Given up, or destroyed: nothing is called any more. */
  isGone = false
  /** A singleton that nothing asks for any more. */
  isKept = false

  constructor(
    readonly owner: ModuleClass,
    readonly self: Infrastructure,
  ) {}

  get id(): string {
    return this.self.id
  }

  /** By which it is found: without regard to the case of the module's name. */
  get key(): string {
    return instanceKey(this.self.name, this.self.instance)
  }
}

/** The key of a module's stanza. */
export function instanceKey(name: string, instance: string | undefined): string {
  return instance === undefined ? name.toLowerCase() : `${name.toLowerCase()}:${instance}`
}
