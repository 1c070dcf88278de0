import type { ModuleDefinition } from './module-def'
import { ModuleError } from './module-error'

/** The module of a shared library, behind functions as a JavaScript module has them. ERR_NATIVE_REQUIRED, the ERR_DSO codes. */
export async function loadNativeModule(file: string, name: string): Promise<ModuleDefinition> {
  throw new ModuleError('ERR_NATIVE_REQUIRED', `module ${name}: ${file} needs the native backend`, {
    module: name,
    file,
  })
}
