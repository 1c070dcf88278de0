import { resolve } from 'node:path'
import { selectBackend } from '../backend/select'
import { defineModule, type ModuleDefinition } from './module-def'
import { NativeCode } from './native-code'
import { NativeHost } from './native-host'

/**
 * The module of a shared library, behind functions as a module in JavaScript has them: `native/include/heddle/module.h`. The
 * library exports it as `heddle_module_<name>` or as `heddle_module`, is loaded for good, and its static variables are one for
 * the process. ERR_NATIVE_REQUIRED; ERR_DSO_LOAD, ERR_DSO_SYMBOL, ERR_DSO_ABI, ERR_DSO_REGISTER, ERR_MODULE_DEF, and what
 * opening the file says. (MO-19, MO-20)
 */
export async function loadNativeModule(file: string, name: string): Promise<ModuleDefinition> {
  const host = NativeHost.of(selectBackend())
  const { module, description, singleton, hasControl } = host.open(resolve(file), name)
  const code = new NativeCode(host, module, name, singleton)
  return defineModule({
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
  })
}
