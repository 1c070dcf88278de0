import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalid } from '../arguments'
import { type AcoBackend, type AcoLoadFailure, AcoStep } from '../backend/aco'
import { errnoName, HeddleError, systemError } from '../errors'

/** What the backend takes, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 1023

/** Loads the module, see `aco.load`. */
export function loadModule(backend: AcoBackend, where: string | URL): void {
  const path = pathOf(where)
  const failure = backend.load(path)
  if (failure !== undefined) throw loadError(path, failure)
}

function pathOf(where: string | URL): string {
  const isPath = typeof where === 'string' && where !== '' && !where.includes('\0')
  if (!isPath && !(where instanceof URL)) throw invalid('aco.load takes', 'a path or a file URL', where)
  const path = where instanceof URL ? fileURLToPath(where) : resolve(where)
  if (Buffer.byteLength(path) > MAX_TEXT_BYTES)
    throw new HeddleError('ENAMETOOLONG', `the path ${path} is too long`)
  return path
}

function loadError(path: string, { step, error, text }: AcoLoadFailure): HeddleError {
  switch (step) {
    case AcoStep.SYMBOL:
      return new HeddleError('ERR_DSO_SYMBOL', `${path} exports no heddle_register`)
    case AcoStep.VERSION:
      return new HeddleError('ERR_DSO_ABI', `${path} was built for another version of heddle.h`)
    case AcoStep.REGISTER:
      return new HeddleError('ERR_DSO_REGISTER', `heddle_register of ${path} answered ${answer(error)}`)
    default:
      // Whoever could open the file gets the linker's own words.
      return text === '' ? systemError(error, 'dlopen', path) : new HeddleError('ERR_DSO_LOAD', text)
  }
}

function answer(error: number): string {
  const name = error < 0 ? errnoName(error) : 'EUNKNOWN'
  return name === 'EUNKNOWN' ? String(error) : name
}
