import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import { type TimeInput, toLoopMs } from '../time'
import { dataCloneError } from './clone'
import { jobHere } from './job-scope'
import type { JobCancel, JobOrder, JobTransfer } from './job-order'
import type { JobTarget } from './targets'

/** What becomes of a job when as many wait as may: taken all the same, refused with EAGAIN, or put off. (JQ-06) */
export type JobOverflow = 'accept' | 'reject' | 'wait'

/** Options of a job. (AS-07, AS-08, AS-09, AS-12, JQ-17) */
export interface JobRunOptions {
  /**
   * Aborting takes the job out while it waits, and rejects with the signal's reason at once. Once the job runs, it rejects
   * when the job is over; `cancel` says what is done to end it.
   */
  readonly signal?: AbortSignal | undefined
  /** A point in time, epoch milliseconds: a job that has not begun by then does not run, ETIME. */
  readonly deadline?: TimeInput | undefined
  /** Milliseconds that the job may run: ETIME, whatever becomes of it. */
  readonly runTimeout?: number | undefined
  /**
   * At the deadline, at the end of its run time and when it is aborted a running job is left alone ('none', the default),
   * told by its `signal`, or its worker thread is terminated.
   */
  readonly cancel?: JobCancel | undefined
  /** Jobs of one queue with different numbers get fair turns. Default: that of the job which adds this one, else 0n. */
  readonly subqueue?: bigint | undefined
  /** Among those of its subqueue, jobs with a higher one go first. An integer of 32 bits, default 0. */
  readonly priority?: number | undefined
  /**
   * What is moved instead of copied, as for `postMessage`. A DataCloneError, and no job, where something is listed twice or cannot
   * be moved: memory of WebAssembly, the pool of Buffers, what was marked so.
   */
  readonly transfer?: JobTransfer | undefined
  /** Runs behind the job on the same thread, with the same argument, whatever has become of it. */
  readonly cleanup?: JobTarget | undefined
  /** Default 'accept'. */
  readonly overflow?: JobOverflow | undefined
}

const KNOWN: ReadonlySet<string> = new Set<keyof JobRunOptions>([
  'signal',
  'deadline',
  'runTimeout',
  'cancel',
  'subqueue',
  'priority',
  'transfer',
  'cleanup',
  'overflow',
])
const MAX_PRIORITY = 0x7fffffff

/** The job as the desk takes it. ERR_INVALID_ARGUMENT, EINVAL for a time that is none. */
export function orderOf(target: JobTarget, arg: unknown, options: JobRunOptions): JobOrder {
  checkOptions('run', options, KNOWN, '{ signal }')
  const { deadline, runTimeout, cancel, subqueue, priority, transfer, cleanup } = options
  return {
    target,
    arg,
    cleanup,
    transfer: checkTransfer(transfer),
    subqueue: subqueueOf(subqueue),
    priority: checkPriority(priority),
    deadline: deadline === undefined ? undefined : toLoopMs(deadline),
    runTimeout: checkRunTimeout(runTimeout),
    cancel: checkCancel(cancel),
  }
}

/** That of the job whose code runs, unless one is named. */
export function subqueueOf(subqueue: bigint | undefined): bigint | undefined {
  if (subqueue === undefined) return jobHere()?.subqueue
  if (typeof subqueue === 'bigint' && BigInt.asUintN(64, subqueue) === subqueue) return subqueue
  throw invalid('subqueue', 'is a bigint of 64 bits such as 7n', subqueue)
}

export function checkPriority(priority: number | undefined): number | undefined {
  if (priority === undefined) return undefined
  if (Number.isInteger(priority) && Math.abs(priority) <= MAX_PRIORITY) return priority
  throw invalid('priority', 'is an integer of 32 bits', priority)
}

/** A list of our own, as reading that of a user may run code of theirs. ERR_INVALID_ARGUMENT, a DataCloneError. */
export function checkTransfer(transfer: JobTransfer | undefined): JobTransfer | undefined {
  if (transfer === undefined) return undefined
  if (!Array.isArray(transfer)) throw invalid('transfer', 'is a list of what is moved', transfer)
  const list: JobTransfer = [...transfer]
  if (list.length > 1 && new Set(list).size < list.length)
    throw dataCloneError('what is listed twice cannot be moved twice')
  return list.length === 0 ? undefined : list
}

export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw invalid('signal', 'is an AbortSignal', signal)
}

export function checkOverflow(overflow: JobOverflow | undefined): JobOverflow {
  if (overflow === undefined) return 'accept'
  if (overflow === 'accept' || overflow === 'reject' || overflow === 'wait') return overflow
  throw invalid('overflow', "is 'accept', 'reject' or 'wait'", overflow)
}

/** EAGAIN. */
export function backlogFull(queue: string): HeddleError {
  return new HeddleError('EAGAIN', `the queue ${queue} has as many waiting as it may`)
}

function checkCancel(cancel: JobCancel | undefined): JobCancel | undefined {
  if (cancel === undefined || cancel === 'none' || cancel === 'signal' || cancel === 'terminate')
    return cancel
  throw invalid('cancel', "is 'none', 'signal' or 'terminate'", cancel)
}

function checkRunTimeout(ms: number | undefined): number | undefined {
  if (ms === undefined || ms === Number.POSITIVE_INFINITY) return undefined
  if (typeof ms === 'number' && ms > 0) return ms
  throw invalid('runTimeout', 'is a positive number of milliseconds', ms)
}
