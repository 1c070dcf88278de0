import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { invalid } from '../arguments'
import { type ModuleManifest, parseManifest } from './manifest'
import { manifestError, messageOf, ModuleError } from './module-error'

/** Larger than any manifest: a file of another kind with this name is not read into memory. */
const MAX_BYTES = 1 << 20

/** Folders of a search path: an array, or text with `:` or `;` between them. (MO-19) */
export type SearchPath = string | readonly string[]

/** The folders of a search path, absolute, each once. ERR_INVALID_ARGUMENT. */
export function foldersOf(path: SearchPath | undefined): string[] {
  if (path === undefined) return []
  const given: unknown = typeof path === 'string' ? path.split(/[:;]/) : path
  if (!Array.isArray(given) || !given.every((folder) => typeof folder === 'string'))
    throw invalid('searchPath', 'is text or an array of folders', path)
  const folders = given.map((folder: string) => folder.trim()).filter((folder) => folder !== '')
  return [...new Set(folders.map((folder) => resolve(folder)))]
}

/** What lies in a folder. */
export interface ScannedFolder {
  /** The one path that it has, however it was given. */
  readonly folder: string
  readonly manifests: readonly ModuleManifest[]
}

interface KnownFolder {
  /** As it was given first, absolute. */
  readonly path: string
  /** By which a change is seen. */
  stamp: string
}

/** The folders that are looked into for manifests, each once, by whatever path it is given. Owner: Modules. */
export class ManifestFolders {
  readonly #known = new Map<string, KnownFolder>()

  /** Reads a folder, from now on one of these. ERR_MANIFEST. */
  scan(given: string): ScannedFolder {
    const folder = realPath(given)
    const path = this.#known.get(folder)?.path ?? resolve(given)
    const stamp = stampOf(path)
    const manifests = scanFolder(path)
    this.#known.set(folder, { path, stamp })
    return { folder, manifests }
  }

  /** Those in which something was written, added or taken out. One that cannot be read is told once, and stays as it was. */
  changed(failed: (error: ModuleError) => void): ScannedFolder[] {
    return [...this.#known].flatMap(([folder, known]) => {
      try {
        const stamp = stampOf(known.path)
        if (stamp === known.stamp) return []
        known.stamp = stamp
        return [{ folder, manifests: scanFolder(known.path) }]
      } catch (error) {
        if (known.stamp !== UNREADABLE) failed(error as ModuleError)
        known.stamp = UNREADABLE
        return []
      }
    })
  }
}

const UNREADABLE = 'unreadable'

function realPath(folder: string): string {
  try {
    return realpathSync(folder)
  } catch (error) {
    throw unreadable(folder, error)
  }
}

function stampOf(folder: string): string {
  return namesIn(folder)
    .map((name) => {
      const status = statSync(join(folder, name), { bigint: true, throwIfNoEntry: false })
      return `${name} ${status?.ino} ${status?.size} ${status?.mtimeNs} ${status?.ctimeNs}`
    })
    .join('\n')
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[^.].*\.ecm$/i.test(name))
      .sort()
  } catch (error) {
    throw unreadable(folder, error)
  }
}

function unreadable(folder: string, cause: unknown): ModuleError {
  return new ModuleError('ERR_MANIFEST', `${folder}: ${messageOf(cause)}`, { file: folder, cause })
}

/**
 * Reads every `.ecm` of a folder, in the order of their names; sub-folders and names that begin with a dot are skipped.
 * What cannot be read is in the `errors` of its manifest; only a folder that cannot be read throws. ERR_MANIFEST.
 * (MO-01)
 */
export function scanFolder(folder: string): ModuleManifest[] {
  return namesIn(folder)
    .map((name) => join(folder, name))
    .flatMap((file) => readManifest(file) ?? [])
}

/** A manifest, undefined for a folder of such a name. */
function readManifest(file: string): ModuleManifest | undefined {
  try {
    const status = statSync(file)
    if (status.isDirectory()) return undefined
    if (!status.isFile()) throw manifestError(file, 1, 'is no regular file')
    if (status.size > MAX_BYTES) throw manifestError(file, 1, `is larger than ${MAX_BYTES} bytes`)
    return parseManifest(decoded(readFileSync(file), file), file)
  } catch (error) {
    const located = error instanceof ModuleError ? error : manifestError(file, 1, messageOf(error))
    return { file, sections: [], errors: [located] }
  }
}

function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw manifestError(file, 1, 'is no text in UTF-8')
  }
}
