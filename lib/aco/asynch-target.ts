import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { invalid } from '../arguments'
import { checkNativeName } from './native-module'

/** A function that a native module has registered. */
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

/** What an asynchronous call runs. */
export type AsynchTarget = ModuleTarget | NativeTarget

/** In the place of a module's URL: native modules. */
export const NATIVE = 'native:'

/** A target whose module is a URL, so that it can be sent. */
export interface LocatedTarget {
  readonly module: string
  readonly export: string
}

/** ERR_INVALID_ARGUMENT. */
export function located(target: AsynchTarget): LocatedTarget {
  if (typeof target !== 'object' || target === null) {
    const what = 'an export of a module, { module, export }, since functions cannot cross threads'
    throw invalid('what runs on another thread is', what, target)
  }
  if ('native' in target) {
    checkNativeName('asynch', target.native)
    return { module: NATIVE, export: target.native }
  }
  const { module, export: name } = target
  if (typeof name !== 'string' || name === '') throw invalid('export', 'is the name of a function', name)
  return { module: urlOf(module), export: name }
}

/** The function behind a target, in this isolate. ERR_INVALID_ARGUMENT: there is none. */
export async function load(target: LocatedTarget): Promise<(...args: unknown[]) => unknown> {
  const module = (await import(target.module)) as Record<string, unknown>
  const found = module[target.export]
  if (typeof found !== 'function')
    throw invalid(`${target.export} of ${target.module}`, 'is an exported function', found)
  return found as (...args: unknown[]) => unknown
}

function urlOf(module: string | URL): string {
  if (module instanceof URL) return module.href
  if (typeof module === 'string') {
    if (isAbsolute(module)) return pathToFileURL(module).href
    if (/^[a-z]+:/.test(module)) return module
  }
  throw invalid('module', 'is a URL or an absolute path', module)
}
