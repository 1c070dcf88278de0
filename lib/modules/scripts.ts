import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Config, ConfigNode, OptionSlot, Transaction } from '../config'
import type { Hooks } from '../hooks'
import { importFile } from './loader'
import { messageOf, ModuleError } from './module-error'

/** A file as it was when it was imported. */
interface Imported {
  readonly digest: string
  readonly script: object
}

/**
 * Scripts of the configuration: `Script "name" { file = "x.mjs" }`. The object that a file exports provides hooks by the names
 * of its functions, in its generation; with the next one the table is made anew, from the file as it is then. A file that
 * cannot be loaded fails the configuration, and the scripts of before stay. (HK-15, MX-07)
 */
export class ScriptModules {
  readonly #hooks: Hooks
  readonly #file: OptionSlot
  /** A file that has not changed is not imported again: Node never lets go of what was imported. */
  readonly #imported = new Map<string, Imported>()

  constructor(config: Config, hooks: Hooks) {
    this.#hooks = hooks
    config.defineScope({ name: 'Script' })
    this.#file = config.registerOption({ name: 'file', type: 'string', fallback: 'Script', module: 'core' })
  }

  /** Registers those of a configuration that is being set up, for its generation. ERR_MODULE_LOAD. */
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
    const digest = await this.#digest(name, file)
    const known = this.#imported.get(file)
    if (known?.digest === digest) return known.script
    const exports = await importFile(file, { fresh: true, module: `script ${name}` })
    const whole = exports.default
    const script = typeof whole === 'object' && whole !== null ? whole : exports
    this.#imported.set(file, { digest, script })
    return script
  }

  async #digest(name: string, file: string): Promise<string> {
    try {
      return createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
    } catch (error) {
      throw failed(name, messageOf(error), file, error)
    }
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
