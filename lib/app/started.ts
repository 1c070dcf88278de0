import { isDeepStrictEqual } from 'node:util'
import type { PoolKinds } from './endpoint-settings'
import type { Spot } from './place'
import type { Warn } from './service'
import type { Settings, StanzaSettings } from './settings'

// Options that cannot be tuned online stay as they were where their stanza stays. What whole stanzas say that have come or gone
// is looked at here: loops, pools and the console are those of the start.

const NEXT = 'takes effect at the next start'

export function kindsOf({ pools }: Settings): PoolKinds {
  return new Map(pools.map(({ name, options }) => [name, options.kind]))
}

export function warnOfStart(started: Settings, next: Settings, warn: Warn): void {
  if (!isDeepStrictEqual(started.eventer.options, next.eventer.options)) warn(next.eventer, NEXT)
  for (const pool of next.pools) if (!isSame(pool, find(started, pool))) warn(pool, NEXT)
  for (const pool of started.pools) if (find(next, pool) === undefined) warn(gone(pool), NEXT)
  if (isDeepStrictEqual(started.control?.where, next.control?.where)) return
  warn(next.control ?? gone(started.control as Spot), NEXT)
}

function find({ pools }: Settings, { name }: { readonly name: string }) {
  return pools.find((pool) => pool.name === name)
}

function isSame<T>({ options }: StanzaSettings<T>, other: StanzaSettings<T> | undefined): boolean {
  return isDeepStrictEqual(options, other?.options)
}

/** It stood there. */
function gone({ path }: Spot): Spot {
  return { path, place: '', line: '' }
}
