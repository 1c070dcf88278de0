import { invalid } from '../../arguments'
import { moduleUrl } from '../../jobq/targets'
import type { ExportTarget } from './remote-loop'

/** What a module exports under a name, in this isolate. ERR_INVALID_ARGUMENT: nothing. */
export async function importExport(target: ExportTarget): Promise<unknown> {
  const module = moduleUrl(target.module)
  const exported = ((await import(module)) as Record<string, unknown>)[target.export]
  if (exported === undefined) throw invalid(`${target.export} of ${module}`, 'is exported', exported)
  return exported
}
