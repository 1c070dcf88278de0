import { realpathSync } from 'node:fs'
import type { ManifestSection, ModuleManifest } from './manifest'
import { manifestError, type ModuleError } from './module-error'
import { capabilityKey, type Provides, parseProvides } from './provides'

/**
 * Everything the manifests of some folders say, by the names of modules and of what they provide. Made anew whenever a folder has
 * changed. Owner: Modules. (MO-01, MO-02, MO-18)
 */
export class Catalogue {
  readonly #folders = new Map<string, readonly ModuleManifest[]>()
  #manifests: ModuleManifest[] = []
  readonly #sections = new Map<string, ManifestSection>()
  /** Two manifests tell of these: neither is believed. */
  readonly #ambiguous = new Map<string, ModuleError>()
  readonly #providers = new Map<string, string[]>()
  #errors: ModuleError[] = []

  /** What a folder holds now. Gives back the errors that there were none of before, with those of names that another file has. (MO-14) */
  set(folder: string, manifests: readonly ModuleManifest[]): ModuleError[] {
    const known = new Set(this.#errors.map(({ message }) => message))
    this.#folders.set(folder, manifests)
    this.#rebuild()
    return this.#errors.filter(({ message }) => !known.has(message))
  }

  /** In the order in which their folders came. */
  manifests(): readonly ModuleManifest[] {
    return [...this.#manifests]
  }

  /** Every error in what there is now. */
  errors(): readonly ModuleError[] {
    return [...this.#errors]
  }

  /** What is said of a module; undefined for one that no manifest knows. ERR_MODULE_DUPLICATE. */
  section(name: string): ManifestSection | undefined {
    const key = name.toLowerCase()
    const ambiguous = this.#ambiguous.get(key)
    if (ambiguous !== undefined) throw ambiguous
    return this.#sections.get(key)
  }

  /** Whether any manifest tells of the module. */
  knows(name: string): boolean {
    const key = name.toLowerCase()
    return this.#sections.has(key) || this.#ambiguous.has(key)
  }

  /** The modules that provide something, in the order of their manifests. (MO-16) */
  providers(capability: Pick<Provides, 'scopes' | 'key'> | string): readonly string[] {
    const what = typeof capability === 'string' ? parseProvides(capability) : capability
    return this.#providers.get(capabilityKey(what)) ?? []
  }

  #rebuild(): void {
    this.#manifests = distinct([...this.#folders.values()].flat())
    this.#errors = []
    for (const table of [this.#sections, this.#ambiguous, this.#providers]) table.clear()
    for (const { errors, sections } of this.#manifests) {
      this.#errors.push(...errors)
      for (const section of sections) this.#take(section)
    }
  }

  #take(section: ManifestSection): void {
    const key = section.name.toLowerCase()
    const known = this.#sections.get(key)
    if (known !== undefined) {
      const text = `[${section.name}] is at ${known.file}:${known.line} already`
      const error = manifestError(section.file, section.line, text, 'ERR_MODULE_DUPLICATE')
      this.#ambiguous.set(key, error)
      this.#errors.push(error)
      return
    }
    this.#sections.set(key, section)
    for (const provides of section.provides) this.#provide(capabilityKey(provides), section.name)
  }

  #provide(capability: string, module: string): void {
    const modules = this.#providers.get(capability) ?? []
    if (!modules.includes(module)) modules.push(module)
    this.#providers.set(capability, modules)
  }
}

/** A file that lies in several folders, by links, is one. */
function distinct(manifests: readonly ModuleManifest[]): ModuleManifest[] {
  const byFile = new Map<string, ModuleManifest>()
  for (const manifest of manifests) {
    const file = realFile(manifest.file)
    if (!byFile.has(file)) byFile.set(file, manifest)
  }
  return [...byFile.values()]
}

function realFile(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}
