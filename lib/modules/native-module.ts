<<<<<<< HEAD
import type { ModuleDefinition } from './module-def'
import { ModuleError } from './module-error'

/** The module of a shared library, behind functions as a JavaScript module has them. ERR_NATIVE_REQUIRED, the ERR_DSO codes. */
export async function loadNativeModule(file: string, name: string): Promise<ModuleDefinition> {
  throw new ModuleError('ERR_NATIVE_REQUIRED', `module ${name}: ${file} needs the native backend`, {
    module: name,
    file,
  })
=======
import { resolve } from 'node:path'
import { selectBackend } from '../backend/select'
import { NativeCode, type NativeFlags, type NativeSelf, type NativeSetup, type NativeTransaction } from './native-code'
import { NativeHost } from './native-host'

/** What a native module is to whoever loads it: what `defineModule` takes. */
export interface NativeModuleSpec {
  readonly name: string
  readonly description: string
  readonly singleton: boolean
  readonly control:
    | ((self: NativeSelf, response: NativeResponse, command: string, flags: { readonly xml: boolean }) => void)
    | undefined
  readonly confSetup: (self: NativeSelf, setup: NativeSetup) => void
  readonly extInit: (
    self: NativeSelf,
    txn: NativeTransaction,
    output: string[],
    flags: NativeFlags,
  ) => undefined | Promise<undefined>
  readonly onExit: (self: NativeSelf) => void
}

/** What the answer of a command is written to. */
export interface NativeResponse {
  push(text: string): unknown
}

/**
 * The module of a shared library, behind functions as a module in JavaScript has them: `native/include/heddle/module.h`. The
 * library exports it as `heddle_module_<name>` or as `heddle_module`, is loaded for good, and its static variables are one for
 * the process. ERR_NATIVE_REQUIRED; ERR_DSO_LOAD, ERR_DSO_SYMBOL, ERR_DSO_ABI, ERR_DSO_REGISTER, ERR_MODULE_DEF, and what
 * opening the file says. (MO-19, MO-20)
 */
export function nativeModule(file: string, name: string): NativeModuleSpec {
  const host = NativeHost.of(selectBackend())
  const { module, description, singleton, hasControl } = host.open(resolve(file), name)
  const code = new NativeCode(host, module, name, singleton)
  return {
    name,
    description,
    singleton,
    control: hasControl
      ? (self, response, command, { xml }) => {
          const { output, failed } = code.control(self, command, xml)
          if (output !== '') response.push(output)
          failed()
        }
      : undefined,
    confSetup: (self, setup) => code.confSetup(self, setup),
    extInit: (self, txn, _output, flags) => code.extInit(self, txn, flags),
    onExit: (self) => code.exit(self),
  }
>>>>>>> 7d0e498 (wip2)
}
