import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { invalid } from '../../arguments'
import type { ExportTarget } from './remote-loop'

/** What a module exports under a name, in this isolate. ERR_INVALID_ARGUMENT: nothing. */
export async function importExport(target: ExportTarget): Promise<unknown> {
  const module = located(target.module)
  const exported = ((await import(module)) as Record<string, unknown>)[target.export]
  if (exported === undefined) throw invalid(`${target.export} of ${module}`, 'is exported', exported)
  return exported
}

/** The URL of a module that is named by one, or by an absolute path. ERR_INVALID_ARGUMENT. */
export function located(module: string | URL): string {
  if (module instanceof URL) return module.href
  if (typeof module === 'string') {
    if (isAbsolute(module)) return pathToFileURL(module).href
    if (/^[a-z]+:/.test(module)) return module
  }
  throw invalid('module', 'is a URL or an absolute path', module)
}
