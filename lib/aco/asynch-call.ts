import { checkOptions, flag, invalid } from '../arguments'
import { JobOutcome } from '../backend/jobs'
import { HeddleError } from '../errors'
import { AsynchEvent } from '../eventer/asynch-event'
import { deskOf } from '../eventer/desk'
import type { Loop } from '../eventer/loop'
import { JobQueue, type JobDone, type JobHandle, type JobOrder, type NativeResult } from '../jobq'
import { type JobTarget, load, located, NATIVE } from '../jobq/targets'
import { orderOf } from '../jobq/run-options'
import type { TimeInput } from '../time'

/** Where an asynchronous call runs. (AC-23) */
export interface AsynchPlace {
  /** A queue of `eventer.jobqs`. Default: the one named `default`; of native functions the native one. */
  readonly queue?: JobQueue | undefined
  /** Calls of one queue with different numbers get fair turns. Default 0n. */
  readonly subqueue?: bigint | undefined
  /** A call that has not begun by then does not run: ETIME. */
  readonly deadline?: TimeInput | undefined
  /** Resolves to false, without calling, when the queue has as many waiting as it may. */
  readonly try?: boolean | undefined
}

/** Which step of a phased call the function is asked for. (AC-22) */
export type AsynchPhase = 'work' | 'cleanup' | 'complete'

/** A call that is checked and has not been submitted. */
export interface PreparedCall {
  /**
   * Hands it over; the functions hear of its end, once, later. What is returned says that nobody waits any more. Undefined: it was
   * to be tried only, and as many wait as may. Throws what prevents it.
   */
  submit(resolve: (value: unknown) => void, reject: (error: unknown) => void): (() => void) | undefined
}

const KNOWN: ReadonlySet<string> = new Set([
  'queue',
  'subqueue',
  'deadline',
  'gate',
  'try',
  'timeout',
  'signal',
])

/** A call of an export or a native function. ERR_INVALID_ARGUMENT, EINVAL, ERR_NOT_SUPPORTED. */
export function prepare(
  loop: Loop,
  target: JobTarget,
  arg: unknown,
  place: AsynchPlace,
  phased: boolean,
): PreparedCall {
  checkOptions('asynch', place, KNOWN, '{ queue }')
  const where = located(target)
  const isNative = where.module === NATIVE
  const { jobqs } = loop.core
  const queue = checkQueue(place.queue) ?? (isNative ? jobqs.native : jobqs.default)
  const trying = flag('try', place.try, false)
  const { subqueue, deadline } = place
  const order: JobOrder = { ...orderOf(target, arg, { subqueue, deadline }), phased }
  if (isNative) checkNative(arg, phased)
  return {
    submit: (resolve, reject) => {
      const waiting = { waits: true }
      const settle = isNative ? endedNative(resolve, reject, arg, waiting) : ended(resolve, reject)
      const done: JobDone = phased ? completing(where, arg, settle) : settle
      try {
        const remove = hand(loop, queue, order, done, trying)
        return (
          remove &&
          (() => {
            waiting.waits = false
            remove()
          })
        )
      } catch (error) {
        throw isNative ? nativeError(loop, error) : error
      }
    },
  }
}

/**
 * An asynchronous event whose completion is that of the call, which gets `answer` of it. ERR_INVALID_ARGUMENT,
 * ERR_EVENT_SCHEDULED. (AC-20)
 */
export function prepareEvent(
  loop: Loop,
  event: AsynchEvent,
  place: AsynchPlace,
  answer: (event: AsynchEvent) => unknown,
): PreparedCall {
  checkOptions('runAsynch', place, KNOWN, '{ queue }')
  if (!(event instanceof AsynchEvent)) throw invalid('runAsynch takes', 'an asynchronous event', event)
  event.assertNew()
  const { jobqs } = loop.core
  const queue = checkQueue(place.queue) ?? (event.isNative ? jobqs.native : jobqs.default)
  const trying = flag('try', place.try, false)
  const { subqueue, deadline } = place
  return {
    submit: (resolve, reject) => {
      event.assertNew()
      event.owner = loop
      if (deadline !== undefined) event.whence = deadline
      const { callback } = event
      event.callback = (ended: AsynchEvent) => {
        if (ended.failed) reject(ended.error)
        else resolve(answer(ended))
        return 0
      }
      let taken = false
      try {
        taken = event.submit(queue, { subqueue }, trying)
      } finally {
        if (!taken) event.callback = callback
      }
      // From there on it is the runtime's, and goes its way whoever waits.
      return taken ? ignore : undefined
    },
  }
}

function checkQueue(queue: JobQueue | undefined): JobQueue | undefined {
  if (queue === undefined || queue instanceof JobQueue) return queue
  throw invalid('queue', 'is a queue of eventer.jobqs', queue)
}

function hand(
  loop: Loop,
  queue: JobQueue,
  order: JobOrder,
  done: JobDone,
  trying: boolean,
): (() => void) | undefined {
  const desk = deskOf(loop)
  const handle: JobHandle | undefined = trying
    ? desk.trySubmit(queue, order, done)
    : desk.submit(queue, order, done)
  return handle === undefined ? undefined : () => desk.remove(handle, false)
}

function ended(resolve: (value: unknown) => void, reject: (error: unknown) => void): JobDone {
  return (outcome, value) => {
    if (outcome === JobOutcome.VALUE) resolve(value)
    else reject(value)
  }
}

/** The bytes of a native function are written back where they came from; its number is the result. */
function endedNative(
  resolve: (value: number) => void,
  reject: (error: unknown) => void,
  given: unknown,
  waiting: { readonly waits: boolean },
): JobDone {
  return (outcome, value) => {
    if (outcome !== JobOutcome.VALUE) {
      reject(value)
      return
    }
    const { number, bytes } = value as NativeResult
    // The program may have moved its bytes elsewhere, or given up waiting for them.
    const isThere = given instanceof Uint8Array && given.length > 0
    if (isThere && waiting.waits) given.set(bytes.subarray(0, given.length))
    resolve(number)
  }
}

/** Where there are no native modules, nobody can have registered the function. */
function nativeError(loop: Loop, error: unknown): unknown {
  if (loop.core.backend.aco !== undefined || (error as HeddleError).code !== 'ENOENT') return error
  return new HeddleError('ERR_NATIVE_REQUIRED', 'functions of native modules need the native backend', {
    cause: error,
  })
}

function checkNative(arg: unknown, phased: boolean): void {
  if (arg !== undefined && !(arg instanceof Uint8Array))
    throw invalid('the argument of a native function', 'is a Uint8Array, or left out', arg)
  if (phased) throw new HeddleError('ERR_NOT_SUPPORTED', 'a native function has no phases')
}

/** The last step of a phased call runs here, whatever has become of its work, before it is settled; the first error counts. */
function completing(target: ReturnType<typeof located>, arg: unknown, settle: JobDone): JobDone {
  return (outcome, value) => {
    const complete = async (): Promise<unknown> => (await load(target))('complete' satisfies AsynchPhase, arg)
    complete().then(
      () => settle(outcome, value),
      (error: unknown) => {
        if (outcome === JobOutcome.VALUE) settle(JobOutcome.ERROR, error)
        else settle(outcome, value)
      },
    )
  }
}

function ignore(): void {}
