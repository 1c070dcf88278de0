import { Hooks } from '../../dist/index.js'
import { supply, supplyAgain, tallyFor } from './providers.mjs'

const ten = await supply(true)
const again = await supplyAgain()
const hooks = new Hooks()
let made = 0

/** Returns early as SyncBailHook does: with the first result that is not undefined. */
const RULE = {
  onReturn: (returned, ret) => {
    if (returned !== undefined) ret(returned)
  },
}

export function makeVoid(providers, _args, isShared) {
  return filled(hooks.declareVoid('bench', `void_${made++}`), providers, isShared)
}

export function makeValue(providers) {
  return filled(hooks.declare('bench', `value_${made++}`, RULE), providers)
}

export const has = (hook) => hook.has()

/**
 * Another generation: each hook has another list, with the same number of providers: functions of other code, as those of a file
 * are that was imported again, or other closures of the same code.
 */
export function reload(made, providers, isSameCode) {
  const registry = hooks.fork()
  const window = { module: 'bench', phase: 'extInit', singleton: true, privileged: false, registry }
  hooks.during({ ...window, phase: 'confSetup', infrastructure: made }, () => {
    for (const one of made) {
      for (const registration of one.registrations) registration.unregister()
      one.registrations = (isSameCode ? again() : ten())
        .slice(0, providers)
        .map((fn) => one.hook.registerLast(fn, tallyFor(false)))
    }
  })
  const last = hooks.current
  hooks.activate(registry)
  last.destroy()
}

function filled(hook, providers, isShared) {
  const registrations = ten()
    .slice(0, providers)
    .map((fn) => hook.registerLast(fn, tallyFor(isShared)))
  return { call: hook, hook, registrations }
}
