import { dirname, isAbsolute, resolve } from 'node:path'
import type { Config, ConfigNode, OptionSlot, Transaction } from '../config'
import type { Hooks } from '../hooks'
import { type ImportLimits, importFile } from './imports'
import { messageOf, ModuleError } from './module-error'

/**
 * Scripts of the configuration: `Script "name" { file = "x.mjs" }`. The object that a file exports provides hooks by the names
 * of its functions, in its generation; with the next one the table is made anew, from the file as it is then; what that imports
 * itself is imported once. A file that cannot be loaded fails the configuration, and the scripts of before stay. (HK-15, MX-07)
 */
export class ScriptModules {
  readonly #hooks: Hooks
  readonly #file: OptionSlot
  readonly #limits: ImportLimits

  constructor(config: Config, hooks: Hooks, limits: ImportLimits) {
    this.#hooks = hooks
    this.#limits = limits
    config.defineScope({ name: 'Script' })
    this.#file = config.registerOption({ name: 'file', type: 'string', fallback: 'Script', module: 'core' })
  }

  /** Registers those of a configuration that is being set up, for its generation. ERR_MODULE_LOAD, ETIME. */
  async prepare(txn: Transaction): Promise<void> {
    const stanzas = txn.root.children.filter(({ type }) => type === 'script')
    const byName = new Map(stanzas.map((stanza) => [stanza.instance, stanza]))
    for (const [name, stanza] of byName) {
      if (name === undefined) throw failed('', 'needs a name: Script "name" { }')
      await this.#register(name, stanza, txn)
    }
  }

  async #register(name: string, stanza: ConfigNode, txn: Transaction): Promise<void> {
    const given = txn.eval(this.#file, { scopes: { Script: name } })
    if (typeof given !== 'string' || given === '') throw failed(name, 'needs a file')
    const file = pathOf(given, stanza)
    const script = await this.#load(name, file)
    try {
      this.#hooks.scripts.registerModule(name, script, { registry: txn.hookRegistry })
    } catch (error) {
      throw failed(name, messageOf(error), file, error)
    }
  }

  async #load(name: string, file: string): Promise<object> {
    const exports = await importFile(file, `script ${name}`, this.#limits)
    const whole = exports.default
    return typeof whole === 'object' && whole !== null ? whole : exports
  }
}

/** From the folder of the file that names it. */
function pathOf(given: string, stanza: ConfigNode): string {
  const from = stanza.settings.get('file')?.origin.file
  return from !== undefined && isAbsolute(from) ? resolve(dirname(from), given) : resolve(given)
}

function failed(name: string, reason: string, file?: string, cause?: unknown): ModuleError {
  const details = { module: name, phase: 'load', ...(file === undefined ? {} : { file }), cause } as const
  return new ModuleError('ERR_MODULE_LOAD', `script ${name}: ${reason}`, details)
}
