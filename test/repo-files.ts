import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The checkout, for tests about its own text. */
export const ROOT = join(__dirname, '..')

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Paths below `folder` that match, relative to the checkout, sorted. Build folders are not ours. */
export function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(build[^/]*|node_modules)\//.test(path))
    .sort()
}
