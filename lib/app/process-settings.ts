import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemError } from '../errors'
import type { EventerOptions, PoolOptions } from '../eventer'
import { resolveOptions } from '../eventer/options'
import type { CoreSlots } from './core-options'
import type { Generation, Stanza } from './generation'
import { handlerTarget } from './handler-name'
import { spotOf } from './place'
import type { ControlSettings, Identity, StanzaSettings } from './settings'
import { bad, checked, given, query } from './stanzas'

// What is there from the start of the process to its end.

/** In a folder of its own, which is made for its owner alone where it does not exist. */
export const SOCKET = 'run/heddle.sock'

const TOKEN = /^[\x21-\x7e]+$/

/** Without pools, which have stanzas of their own. */
export function eventerOf(from: Generation, { eventer }: CoreSlots): StanzaSettings<EventerOptions> {
  const line = from.stanzas('Eventer').at(-1)?.place ?? from.file
  const options = given<EventerOptions>({
    loops: from.get(eventer.loops),
    kind: from.get(eventer.kind),
    maxSleepMs: from.get(eventer.maxSleep),
    watchdogTimeoutMs: from.get(eventer.watchdogTimeout),
    maxTimedEventsPerIteration: from.get(eventer.timersPerPass),
    maxEventsPerWait: from.get(eventer.eventsPerWait),
    strict: from.get(eventer.strict),
    debugging: from.get(eventer.debugging),
    showLoopCallbacksThreshold: from.get(eventer.slowCallback),
    asyncContext: from.get(eventer.asyncContext),
    sections: from.get(eventer.sections),
    rlimNofiles: from.get(eventer.openFiles),
  } as { [K in keyof EventerOptions]: EventerOptions[K] | undefined })
  return checked({ name: '', ...spotOf(line, 'Eventer'), options }, () => void resolveOptions(options))
}

export function poolOf(
  from: Generation,
  { pool }: CoreSlots,
  name: string,
  stanza: Stanza,
): StanzaSettings<PoolOptions> {
  const of = query('Pool', name)
  const spot = spotOf(stanza.place, `Pool "${name}"`)
  const module = from.get(pool.module, of)
  const url = module && handlerTarget(module, from.folder(pool.module, of)).module
  const options = given<PoolOptions>({
    kind: from.get(pool.kind, of),
    concurrency: from.get(pool.concurrency, of),
    watchdogTimeout: from.get(pool.watchdogTimeout, of),
    module: url,
    onWorkerDeath: from.get(pool.onWorkerDeath, of),
  } as { [K in keyof PoolOptions]: PoolOptions[K] | undefined })
  return checked({ name, ...spot, options }, () => {
    resolveOptions({ pools: { [name]: options } })
    if (url?.startsWith('file:') && !existsSync(fileURLToPath(url)))
      throw systemError(constants.errno.ENOENT, 'import', fileURLToPath(url))
  })
}

export function controlOf(from: Generation, { control }: CoreSlots): ControlSettings | undefined {
  const stanza = from.stanzas('Control').at(-1)
  if (stanza === undefined) return undefined
  const spot = spotOf(stanza.place, 'Control')
  const [port, path, token] = [from.get(control.port), from.get(control.path), from.get(control.token)]
  if (port === undefined)
    return { where: { path: resolve(from.folder(control.path), path ?? SOCKET) }, ...spot }
  if (path !== undefined) throw bad(spot.place, 'the console has a path or a port, not both')
  // Every user of the machine can connect to it.
  if (token === undefined) throw bad(spot.place, 'a console with a port needs a Token')
  if (!TOKEN.test(token)) throw bad(spot.place, 'a Token is one word of visible ASCII characters')
  return { where: { port, token }, ...spot }
}

/** Whom the process becomes; undefined: it stays who it is. */
export function identityOf(from: Generation, { global }: CoreSlots): Identity | undefined {
  const [user, group] = [from.get(global.user), from.get(global.group)]
  if (user === undefined && group === undefined) return undefined
  const place = from.lineOf(user === undefined ? global.group : global.user)
  if (group === undefined) throw bad(place, `User "${String(user)}" needs a Group as well`)
  return { user, group, place }
}
