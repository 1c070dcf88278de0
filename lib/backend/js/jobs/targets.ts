import { errno } from '../errno'
import { BUILTIN_TWINS } from './builtin'
import type { TargetName } from './parcel'

/** In the place of a module: functions that are registered by name. */
const NATIVE = 'native:'

/** Functions by number, as this isolate knows them. */
export class Targets {
  readonly #names: { module: string; name: string }[] = []
  readonly #numbers = new Map<string, number>()

  /** -ENOENT: a native function that is not here. */
  number(module: string, name: string): number {
    if (module === NATIVE && !BUILTIN_TWINS.has(name)) return -errno.ENOENT
    const key = `${module}\n${name}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const made = this.#names.push({ module, name })
    this.#numbers.set(key, made)
    return made
  }

  of(number: number): { module: string; name: string } | undefined {
    return this.#names[number - 1]
  }
}

/** Numbers of another isolate in those of this one. */
export class FarTargets {
  readonly #targets: Targets
  readonly #ours = new Map<number, number>([[0, 0]])

  constructor(targets: Targets) {
    this.#targets = targets
  }

  learn(names: readonly TargetName[]): void {
    for (const { id, module, name } of names) this.#ours.set(id, this.#targets.number(module, name))
  }

  number(theirs: number): number {
    return this.#ours.get(theirs) ?? 0
  }
}
