import { SyncBailHook, SyncHook } from 'tapable'
import { supply } from './providers.mjs'

const ten = await supply(false)

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

export function makeVoid(providers, args, isShared) {
  return filled(new SyncHook(NAMES.slice(0, args)), providers, isShared)
}

export function makeValue(providers, args) {
  return filled(new SyncBailHook(NAMES.slice(0, args)), providers)
}

export const has = (hook) => hook.isUsed()

function filled(hook, providers, isShared) {
  for (const [i, fn] of ten(isShared).slice(0, providers).entries()) hook.tap(`p${i}`, fn)
  return { call: hook, hook }
}
