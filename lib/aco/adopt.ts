import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { Event } from '../eventer/event'
import type { AcoEvent } from './aco-event'
import type { Coroutine } from './coroutine'

/** Turns a classic object into an event of this coroutine. */
export const kAdopt = Symbol('heddle.aco.adopt')
/** Turns it back; bytes in hand are served first by what is returned. */
export const kRelease = Symbol('heddle.aco.release')
/** The coroutine an object belongs to; undefined while it is classic. */
export const kCoroutine = Symbol('heddle.aco.coroutine')

/** Descriptor events and connections. */
export interface Adoptable<E extends AcoEvent = AcoEvent> {
  [kAdopt](co: Coroutine): E
}

/** What `kAdopt` has made. */
export interface Adopted<C = unknown> {
  readonly [kCoroutine]: Coroutine | undefined
  [kRelease](): C
}

/** EINVAL, ERR_NOT_SUPPORTED for events a coroutine does not manage; otherwise what the object itself answers. (AC-27) */
export function adoptFor<E extends AcoEvent>(object: Adoptable<E>, co: Coroutine): E {
  if (object instanceof Event) assertManaged(object)
  if (typeof object?.[kAdopt] !== 'function')
    throw invalid('adopt takes', 'a descriptor event or a connection', object)
  return object[kAdopt](co)
}

export function releaseFrom<C>(event: Adopted<C>): C {
  if (typeof event?.[kRelease] !== 'function') throw invalid('release takes', 'an adopted event', event)
  return event[kRelease]()
}

/** True for what has been adopted and not released. */
export function isAdopted(object: unknown): boolean {
  return (object as Partial<Adopted> | null | undefined)?.[kCoroutine] !== undefined
}

function assertManaged(event: Event): void {
  if (event.kind === 'recurrent')
    throw new HeddleError('ERR_NOT_SUPPORTED', 'a recurrent event has no meaning in a coroutine')
  if (event.kind === 'timer')
    throw new HeddleError('EINVAL', 'a coroutine does not wait for a timed event: sleep instead')
}
