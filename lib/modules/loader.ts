import { existsSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { type ImportLimits, importFile } from './imports'
import type { ManifestSection } from './manifest'
import { defineModule, type ModuleDefinition, type ModuleSpec } from './module-def'
import { ModuleError } from './module-error'
import { loadNativeModule } from './native-module'

/** Endings of the file that holds a module's code, the first that exists is taken. */
const SCRIPT_ENDINGS = ['.mjs', '.js', '.cjs'] as const
const NATIVE_ENDINGS = ['.so', '.node', '.dylib'] as const

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
 * The errors of `importFile`, ERR_MODULE_LOAD, ERR_MODULE_DEF, ERR_MODULE_LEGACY_SLOT, for native code the ERR_DSO codes.
 */
export async function loadDefinition(
  section: Pick<ManifestSection, 'name' | 'file'>,
  limits: ImportLimits,
): Promise<{ definition: ModuleDefinition; file: string }> {
  const file = codeFile(section)
  if ((NATIVE_ENDINGS as readonly string[]).includes(extname(file)))
    return { definition: loadNativeModule(file, section.name), file }
  const exports = await importFile(file, section.name, limits)
  const name = section.name.toLowerCase()
  const spec = modulesIn(exports).find((found) => found.name.toLowerCase() === name)
  if (spec !== undefined) return { definition: defineModule(spec), file }
  throw new ModuleError('ERR_MODULE_LOAD', `${file} exports no module that is called ${section.name}`, {
    module: section.name,
    phase: 'load',
    file,
  })
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
