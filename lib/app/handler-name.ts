import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HeddleError } from '../errors'
import type { LocatedTarget } from '../jobq/targets'

/**
 * What a configuration names as `./file.mjs#export`: a file relative to the folder of the file that says so, an absolute path,
 * a `file:` URL, or a module of a package as `require` would find it there; without `#export` the default export.
 * ERR_INVALID_ARGUMENT, and what Node says of a package that is not there.
 */
export function handlerTarget(text: string, folder: string): LocatedTarget {
  const last = text.lastIndexOf('#')
  // In the name of a folder it begins no export.
  const at = text.includes('/', last) ? -1 : last
  const name = at < 0 ? text : text.slice(0, at)
  const exported = at < 0 ? 'default' : text.slice(at + 1)
  if (name === '' || exported === '')
    throw new HeddleError('ERR_INVALID_ARGUMENT', `a handler is "./file.mjs#export", not "${text}"`)
  return { module: urlOf(name, folder), export: exported }
}

function urlOf(name: string, folder: string): string {
  if (/^(file|node|data):/.test(name)) return name
  if (isAbsolute(name) || /^\.{1,2}(\/|$)/.test(name)) return pathToFileURL(resolve(folder, name)).href
  return pathToFileURL(createRequire(join(folder, 'configuration.cjs')).resolve(name)).href
}
