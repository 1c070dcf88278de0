import { existsSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ManifestSection } from './manifest'
import { defineModule, type ModuleDefinition, type ModuleSpec } from './module-def'
import { messageOf, ModuleError } from './module-error'
import { loadNativeModule } from './native-module'

/** Endings of the file that holds a module's code, the first that exists is taken. */
const SCRIPT_ENDINGS = ['.mjs', '.js', '.cjs'] as const
const NATIVE_ENDINGS = ['.so', '.node', '.dylib'] as const

/** A fresh address each time one is needed: Node keeps a module, and the failure of one, under its address. */
let freshness = 0

/** The file of a module's code: beside the manifest, with its name. ERR_MODULE_LOAD. (MO-02) */
export function codeFile({ name, file }: Pick<ManifestSection, 'name' | 'file'>): string {
  const stem = join(dirname(file), basename(file, extname(file)))
  const endings = [...SCRIPT_ENDINGS, ...NATIVE_ENDINGS]
  const found = endings.map((ending) => stem + ending).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new ModuleError('ERR_MODULE_LOAD', `${name}: there is no ${stem} with ${endings.join(', ')}`, {
    module: name,
    phase: 'load',
    file: stem,
  })
}

/**
 * Loads the code of a module and finds its definition: the export, under whatever name, that has the module's name.
 * `again` is set where an earlier attempt failed, which Node would only repeat. ERR_MODULE_LOAD,
 * ERR_MODULE_DEF, ERR_MODULE_LEGACY_SLOT, for native code the ERR_DSO codes.
 */
export async function loadDefinition(
  section: Pick<ManifestSection, 'name' | 'file'>,
  again = false,
): Promise<{ definition: ModuleDefinition; file: string }> {
  const file = codeFile(section)
  if ((NATIVE_ENDINGS as readonly string[]).includes(extname(file)))
    return { definition: await loadNativeModule(file, section.name), file }
  const exports = await importFile(file, { fresh: again, module: section.name })
  const name = section.name.toLowerCase()
  const spec = modulesIn(exports).find((found) => found.name.toLowerCase() === name)
  if (spec !== undefined) return { definition: defineModule(spec), file }
  throw new ModuleError('ERR_MODULE_LOAD', `${file} exports no module that is called ${section.name}`, {
    module: section.name,
    phase: 'load',
    file,
  })
}

/** The exports of a file, on wish as if it had never been imported. ERR_MODULE_LOAD with the cause. */
export async function importFile(
  file: string,
  options: { readonly fresh: boolean; readonly module: string },
): Promise<Record<string, unknown>> {
  const url = pathToFileURL(file)
  if (options.fresh) {
    freshness += 1
    url.searchParams.set('heddle', String(freshness))
    forget(file)
  }
  try {
    return (await import(url.href)) as Record<string, unknown>
  } catch (error) {
    throw new ModuleError('ERR_MODULE_LOAD', `${options.module}: ${file}: ${messageOf(error)}`, {
      module: options.module,
      phase: 'load',
      file,
      cause: error,
    })
  }
}

/**
 * The modules that a file exports, under whatever names, unchecked: an export that has a `name` and one of the mandatory
 * functions. They need not be made by this copy of `defineModule`, or by any.
 */
export function modulesIn(exports: Record<string, unknown>): ModuleSpec[] {
  const values = membersOf(exports)
  // What a CommonJS file exports as a whole stands under `default`.
  const inner = values.filter((value) => !isModule(value)).flatMap(membersOf)
  return [...new Set([...values, ...inner])].filter(isModule)
}

function isModule(value: unknown): value is ModuleSpec {
  if (typeof value !== 'object' || value === null) return false
  if (typeof member(value, 'name') !== 'string') return false
  return ['confSetup', 'extInit'].some((slot) => typeof member(value, slot) === 'function')
}

function membersOf(holder: unknown): unknown[] {
  if (typeof holder !== 'object' || holder === null) return []
  try {
    return Object.keys(holder).map((name) => member(holder, name))
  } catch {
    return []
  }
}

function member(holder: object, name: string): unknown {
  try {
    return (holder as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** CommonJS files are kept by path, whatever the address says. */
function forget(file: string): void {
  // A bundle may have no require, and then no such files either.
  if (typeof require === 'function') delete require.cache[file]
}
