import { checkOptions, flag, invalid } from '../arguments'
import { type TimeInput, toLoopMs } from '../eventer/time'
import type { AsynchCall, AsynchRunner } from './asynch-runner'
import { type JobTarget, load, located, NATIVE } from '../jobq/targets'

/** Where an asynchronous call runs. (AC-23) */
export interface AsynchPlace {
  /** Default: the queue `default`. */
  readonly queue?: AsynchRunner | undefined
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
export interface PreparedCall extends Omit<AsynchCall, 'resolve' | 'reject'> {
  readonly runner: AsynchRunner
  /** To be given up where the runner is full. */
  readonly trying: boolean
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

/** Where calls run that name no queue. */
export interface UsualRunners {
  /** Exports of modules. */
  modules(): AsynchRunner
  /** Functions of native modules, which run nowhere else. ERR_NATIVE_REQUIRED. */
  native(): AsynchRunner
}

/** ERR_INVALID_ARGUMENT, EINVAL, ERR_NATIVE_REQUIRED. */
export function prepare(
  usual: UsualRunners,
  target: JobTarget,
  arg: unknown,
  place: AsynchPlace,
  phased: boolean,
): PreparedCall {
  checkOptions('asynch', place, KNOWN, '{ queue }')
  const where = located(target)
  const isNative = where.module === NATIVE
  if (isNative && place.queue !== undefined)
    throw invalid('queue', 'is left out where a native function runs', place.queue)
  const { queue = isNative ? usual.native() : usual.modules(), subqueue = 0n, deadline } = place
  if (typeof queue?.submit !== 'function') throw invalid('queue', 'is a queue of aco.asynchQueue', queue)
  if (typeof subqueue !== 'bigint') throw invalid('subqueue', 'is a bigint such as 7n', subqueue)
  return {
    target: where,
    arg,
    phased,
    subqueue,
    deadline: deadline === undefined ? Number.POSITIVE_INFINITY : toLoopMs(deadline),
    runner: queue,
    trying: flag('try', place.try, false),
  }
}

/**
 * The call to submit. The last step of a phased one runs here, whatever has become of its work, before it is settled; the
 * first error counts.
 */
export function settling(
  prepared: PreparedCall,
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): AsynchCall {
  if (!prepared.phased) return { ...prepared, resolve, reject }
  const { target, arg } = prepared
  const complete = async () => (await load(target))('complete' satisfies AsynchPhase, arg)
  return {
    ...prepared,
    resolve: (value) => void complete().then(() => resolve(value), reject),
    reject: (error) => {
      const fail = () => reject(error)
      complete().then(fail, fail)
    },
  }
}
