import { resolve } from 'node:path'
import { selectBackend } from '../backend/select'
import { defineModule, type ModuleDefinition } from './module-def'
import { NativeCode } from './native-code'
import { NativeHost } from './native-host'
import { leaveFirst } from './quiet'

/**
 * The module of a shared library, behind functions as a module in JavaScript has them: `native/include/heddle/module.h`. The
 * library exports it as `heddle_module_<name>`, or as `heddle_module` under its own name, which `name` may leave out; it is
 * loaded for good, and its static variables are one for the process. ERR_NATIVE_REQUIRED; ERR_DSO_LOAD, ERR_DSO_SYMBOL,
 * ERR_DSO_ABI, ERR_DSO_REGISTER, ERR_MODULE_DEF, and what opening the file says. (MO-19, MO-20)
 */
export function loadNativeModule(file: string, name = ''): ModuleDefinition {
  const host = NativeHost.of(selectBackend())
  const { module, name: own, description, singleton, hasControl } = host.open(resolve(file), name)
  const called = name === '' ? own : name
  const code = new NativeCode(host, module, called, singleton)
  const definition = defineModule({
    name: called,
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
    onExit: (self) => code.end(self, 'HEDDLE_EXIT'),
  })
  leaveFirst(definition, (self) => code.leave(self))
  return definition
}
