import { Hooks } from '../../dist/index.js'
import { supply, tally } from './providers.mjs'

const ten = await supply(true)
const hooks = new Hooks()
let made = 0

/** Returns early as SyncBailHook does: with the first result that is not undefined. */
const RULE = {
  onReturn: (returned, ret) => {
    if (returned !== undefined) ret(returned)
  },
}

export function makeVoid(providers) {
  return filled(hooks.declareVoid('bench', `void_${made++}`), providers)
}

export function makeValue(providers) {
  return filled(hooks.declare('bench', `value_${made++}`, RULE), providers)
}

export const has = (hook) => hook.has()

/** Another generation: each hook has another list, with the same number of providers, each another function. */
export function reload(made, providers) {
  const registry = hooks.fork()
  const window = { module: 'bench', phase: 'extInit', singleton: false, privileged: false, registry }
  hooks.during({ ...window, infrastructure: tally }, () => {
    for (const { hook, registrations } of made) {
      for (const registration of registrations) registration.unregister()
      for (const fn of ten().slice(0, providers)) hook.registerLast(fn, tally)
    }
  })
  hooks.activate(registry)
}

function filled(hook, providers) {
  const registrations = ten()
    .slice(0, providers)
    .map((fn) => hook.registerLast(fn, tally))
  return { call: hook, hook, registrations }
}
