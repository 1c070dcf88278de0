import { checkOptions, flag, invalid } from '../arguments'
import type { ConfigOverride } from '../config'
import type { AppOptions } from './app-options'

const KNOWN: Record<keyof AppOptions, true> = {
  file: true,
  defines: true,
  localChangesFile: true,
  localChangesOnly: true,
  modules: true,
  log: true,
  control: true,
  signal: true,
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(KNOWN))

/** A copy, so that each is read once. ERR_INVALID_ARGUMENT; a warning for a name that means nothing. */
export function checkedOptions(call: string, options: AppOptions): AppOptions {
  checkOptions(call, options, NAMES, "{ file: 'app.conf' }")
  const { file, defines = [], localChangesFile, modules = [], log, control, signal } = options
  if (!isText(file)) throw invalid('file', 'is the path of a configuration', file)
  if (localChangesFile !== undefined && !isText(localChangesFile))
    throw invalid('localChangesFile', 'is the path of a file', localChangesFile)
  if (!Array.isArray(modules) || !modules.every(isText))
    throw invalid('modules', 'is an array of folders', modules)
  if (!Array.isArray(defines)) throw invalid('defines', 'is an array of { path, text }', defines)
  if (log !== undefined && typeof log !== 'function') throw invalid('log', 'is a function', log)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'is an AbortSignal', signal)
  return {
    file,
    defines: defines.map(checkedDefine),
    modules: [...modules],
    control: flag('control', control, true),
    ...(localChangesFile !== undefined && { localChangesFile }),
    localChangesOnly: flag('localChangesOnly', options.localChangesOnly, false),
    ...(log !== undefined && { log }),
    ...(signal !== undefined && { signal }),
  }
}

function checkedDefine(define: ConfigOverride): ConfigOverride {
  if (typeof define !== 'object' || define === null)
    throw invalid('what is in defines', "is { path: 'Key', text: '1' }", define)
  const { path, text } = define
  if (typeof path !== 'string') throw invalid('path', 'is text', path)
  if (typeof text !== 'string') throw invalid('text', 'is text', text)
  return { path, text }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
