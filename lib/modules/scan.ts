import { readdirSync, readFileSync, statSync } from 'node:fs'
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

/**
 * Reads every `.ecm` of a folder, in the order of their names; sub-folders and names that begin with a dot are skipped.
 * What cannot be read is in the `errors` of its manifest; only a folder that cannot be read throws. ERR_MANIFEST.
 * (MO-01)
 */
export function scanFolder(folder: string): ModuleManifest[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    throw new ModuleError('ERR_MANIFEST', `${folder}: ${messageOf(error)}`, { file: folder, cause: error })
  }
  const manifests = names.filter((name) => /^[^.].*\.ecm$/i.test(name)).sort()
  return manifests.map((name) => join(folder, name)).flatMap((file) => readManifest(file) ?? [])
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
