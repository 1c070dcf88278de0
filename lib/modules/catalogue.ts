import type { ManifestSection, ModuleManifest } from './manifest'
import { manifestError, type ModuleError } from './module-error'
import { capabilityKey, type Provides, parseProvides } from './provides'

/** Everything the manifests say, by the names of modules and of what they provide. Owner: Modules. (MO-01, MO-02, MO-18) */
export class Catalogue {
  readonly #manifests: ModuleManifest[] = []
  readonly #sections = new Map<string, ManifestSection>()
  /** Two manifests tell of these: neither is believed. */
  readonly #ambiguous = new Map<string, ModuleError>()
  readonly #providers = new Map<string, string[]>()
  readonly #errors: ModuleError[] = []

  /** Takes manifests in; gives back their errors, with those of names that another file has. (MO-14) */
  add(manifests: readonly ModuleManifest[]): ModuleError[] {
    const errors: ModuleError[] = []
    for (const manifest of manifests) {
      if (this.#manifests.some(({ file }) => file === manifest.file)) continue
      this.#manifests.push(manifest)
      errors.push(...manifest.errors)
      for (const section of manifest.sections) {
        const error = this.#take(section)
        if (error !== undefined) errors.push(error)
      }
    }
    this.#errors.push(...errors)
    return errors
  }

  /** In the order in which they were read. */
  manifests(): readonly ModuleManifest[] {
    return [...this.#manifests]
  }

  /** Every error so far. */
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

  /** The modules that provide something, in the order of their manifests; first to load wins. (MO-16) */
  providers(capability: Pick<Provides, 'scopes' | 'key'> | string): readonly string[] {
    const what = typeof capability === 'string' ? parseProvides(capability) : capability
    return this.#providers.get(capabilityKey(what)) ?? []
  }

  #take(section: ManifestSection): ModuleError | undefined {
    const key = section.name.toLowerCase()
    const known = this.#sections.get(key)
    if (known !== undefined) {
      const text = `[${section.name}] is at ${known.file}:${known.line} already`
      const error = manifestError(section.file, section.line, text, 'ERR_MODULE_DUPLICATE')
      this.#ambiguous.set(key, error)
      return error
    }
    this.#sections.set(key, section)
    for (const provides of section.provides) this.#provide(capabilityKey(provides), section.name)
    return undefined
  }

  #provide(capability: string, module: string): void {
    const modules = this.#providers.get(capability) ?? []
    if (!modules.includes(module)) modules.push(module)
    this.#providers.set(capability, modules)
  }
}
