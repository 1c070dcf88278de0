import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { invalid } from '../arguments'
import type { JobsBackend } from '../backend/jobs'
import { HeddleError, systemError } from '../errors'

/** A function that native code has registered. */
export interface NativeTarget {
  readonly native: string
}

/** A function that can be found in any isolate: functions themselves cannot cross threads. */
export interface ModuleTarget {
  /** A URL, or an absolute path. */
  readonly module: string | URL
  /** The name under which the module exports the function. */
  readonly export: string
}

/** What a job runs. */
export type JobTarget = ModuleTarget | NativeTarget

/** In the place of a module's URL: native functions. */
export const NATIVE = 'native:'

/** A target whose module is a URL, so that it can be sent. */
export interface LocatedTarget {
  readonly module: string
  readonly export: string
}

/** What native code takes, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 1023

/** A name as native code takes it. ERR_INVALID_ARGUMENT. */
export function checkNativeName(call: string, name: unknown): asserts name is string {
  const isName = typeof name === 'string' && name !== '' && !name.includes('\0')
  if (!isName || Buffer.byteLength(name) > MAX_TEXT_BYTES)
    throw invalid(`${call} takes`, 'the name of a registered procedure', name)
}

/** ERR_INVALID_ARGUMENT. */
export function located(target: JobTarget): LocatedTarget {
  if (typeof target !== 'object' || target === null) {
    const what = 'an export of a module, { module, export }, since functions cannot cross threads'
    throw invalid('what runs on another thread is', what, target)
  }
  if ('native' in target) {
    const { native } = target
    checkNativeName('a native target', native)
    return { module: NATIVE, export: native }
  }
  const { module, export: name } = target
  if (typeof name !== 'string' || name === '') throw invalid('export', 'is the name of a function', name)
  return { module: moduleUrl(module), export: name }
}

/** The function behind a target, in this isolate. ERR_INVALID_ARGUMENT: there is none. */
export async function load(target: LocatedTarget): Promise<(...args: unknown[]) => unknown> {
  const module = (await import(target.module)) as Record<string, unknown>
  const found = module[target.export]
  if (typeof found !== 'function')
    throw invalid(`${target.export} of ${target.module}`, 'is an exported function', found)
  return found as (...args: unknown[]) => unknown
}

/**
 * The numbers of targets, by which records name them. A number is asked of the backend once; from then on it costs two
 * look-ups, however the target is written.
 */
export class TargetNumbers {
  readonly #backend: JobsBackend
  /** By what was given as module, then by export. */
  readonly #modules = new Map<string, Map<string, number>>()

  constructor(backend: JobsBackend) {
    this.#backend = backend
  }

  /** Of an export of a module: ERR_INVALID_ARGUMENT. A native target is one of the other method. */
  ofModule(target: ModuleTarget): number {
    const { module, export: name } = target
    if (typeof module === 'string') {
      const known = this.#modules.get(module)?.get(name)
      if (known !== undefined) return known
    }
    return this.#learn(module, { module, export: name })
  }

  /** Of a native function: ENOENT where nothing is registered under the name. */
  ofNative(target: NativeTarget): number {
    const { native } = target
    const known = this.#modules.get(NATIVE)?.get(native)
    return known ?? this.#learn(NATIVE, { native })
  }

  /** For messages. */
  describe(number: number): string {
    return this.#backend.targetOf(number)?.name ?? `target ${number}`
  }

  #learn(key: string | URL, target: JobTarget): number {
    const { module, export: name } = located(target)
    const number = this.#backend.target(module, name)
    if (number < 0) {
      if (module === NATIVE) throw new HeddleError('ENOENT', `no function ${name} is registered`)
      throw systemError(number, 'target', `${name} of ${module}`)
    }
    if (typeof key === 'string') {
      const names = this.#modules.get(key) ?? new Map<string, number>()
      this.#modules.set(key, names.set(name, number))
    }
    return number
  }
}

/** The URL of a module that is named by one, or by an absolute path. ERR_INVALID_ARGUMENT. */
export function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  if (typeof module === 'string') {
    if (isAbsolute(module)) return pathToFileURL(module).href
    if (/^[a-z]+:/.test(module) && module !== NATIVE) return module
  }
  throw invalid('module', 'is a URL or an absolute path', module)
}
