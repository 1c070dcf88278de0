import type { CommandFunction, CommandSource } from '../control'
import { HeddleError } from '../errors'
import type { ModuleGeneration } from './generation'
import type { Instance } from './instance'
import type { ModuleClass } from './module-class'
import { messageOf, ModuleError } from './module-error'

/** What commands ask of Modules. */
export interface CommandHost {
  readonly current: ModuleGeneration | undefined
  /** Calls with the active generation, undefined where there is none, which lives until the promise is settled. */
  hold<R>(use: (generation: ModuleGeneration | undefined) => Promise<R>): Promise<R>
}

/** Commands of the console that begin with `module` or `module:instance`. (MO-14, MO-17) */
export class ModuleCommands implements CommandSource {
  readonly #host: CommandHost

  constructor(host: CommandHost) {
    this.#host = host
  }

  find(name: string): CommandFunction | undefined {
    const target = targetOf(name)
    if (this.#host.current?.has(target.module) !== true) return undefined
    return (response, { rest, xml }) =>
      this.#host.hold(async (generation) => {
        const { self, owner } = chosen(generation, target)
        const { control } = owner.definition
        if (control === undefined) throw new HeddleError('ENOENT', `module ${self.id} has no commands`)
        try {
          await control(self, response, rest, Object.freeze({ xml }))
        } catch (error) {
          const text = `module ${self.id}: ${messageOf(error)}`
          throw new ModuleError('ERR_MODULE_FAILED', text, {
            module: self.id,
            phase: 'control',
            cause: error,
          })
        }
      })
  }

  list(): readonly { readonly usage: string; readonly does: string }[] {
    const instances = this.#host.current?.instances ?? []
    const able = instances.filter(({ owner }) => owner.definition.control !== undefined)
    return able.map(({ self }) => ({
      usage: `${self.id} <command>`,
      does: self.description.replace(/\s+/g, ' '),
    }))
  }
}

/**
 * Commands that modules register have names of their own: they would take the place of those that begin with a module's name.
 * ERR_NAME_TAKEN names both.
 */
export function checkCommandNames(owners: readonly ModuleClass[]): void {
  const taken = new Map(owners.map(({ key, definition }) => [key, definition.name]))
  for (const { definition, setup } of owners)
    for (const command of setup?.commands ?? []) {
      const other = taken.get(command) ?? taken.get(targetOf(command).module)
      if (other !== undefined) throw nameTaken(definition.name, command, other)
      taken.set(command, definition.name)
    }
}

function nameTaken(module: string, command: string, other: string): ModuleError {
  const text = `module ${module} cannot have the command ${command}, which is one of module ${other}`
  return new ModuleError('ERR_NAME_TAKEN', text, { module, phase: 'confSetup' })
}

export interface CommandTarget {
  readonly module: string
  readonly instance: string | undefined
}

/** Reads `module` and `module:instance`. */
export function targetOf(name: string): CommandTarget {
  const colon = name.indexOf(':')
  if (colon < 0) return { module: name, instance: undefined }
  return { module: name.slice(0, colon), instance: name.slice(colon + 1) }
}

function chosen(generation: ModuleGeneration | undefined, { module, instance }: CommandTarget): Instance {
  const found = generation?.find(module, instance)
  if (found !== undefined) return found
  const all = generation?.instances ?? []
  const ids = all.filter(({ owner }) => owner.key === module.toLowerCase()).map(({ id }) => id)
  // It was there when the command was looked for.
  if (ids.length === 0) throw new HeddleError('ENOENT', `module ${module} is not loaded any more`)
  throw new HeddleError('ENOENT', `module ${module} has the instances ${ids.join(', ')}`)
}
