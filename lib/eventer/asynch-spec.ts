import { checkOptions, invalid } from '../arguments'
import type { JobCancel, JobQueue, JobTarget, JobTransfer } from '../jobq'
import { located } from '../jobq/targets'
import { type JobRunOptions, orderOf } from '../jobq/run-options'
import { type TimeInput, toLoopMs } from '../time'
import type { AsynchEvent, CompleteCallback } from './asynch-event'
import type { Loop } from './loop'

/** The steps of an asynchronous event; `work` and `cleanup` run on a thread of the queue, `complete` on the event's loop. */
export interface AsynchSteps<C> {
  /** Called with a copy of the closure. What it returns is `value` of the event. */
  readonly work: JobTarget
  /** Called after `work` on the same thread, also where that failed or was skipped. */
  readonly cleanup?: JobTarget | undefined
  /** Called last, on the event's loop, with the event itself. */
  readonly complete?: CompleteCallback<C> | undefined
}

/** How an asynchronous event runs. */
export interface AsynchOptions<C> {
  /** `complete` of an event whose steps are one target. */
  readonly complete?: CompleteCallback<C> | undefined
  /** Work that has not begun by then is skipped: `timedOut`. Default: none. (AS-08) */
  readonly deadline?: TimeInput | undefined
  /** Whether work in progress is told (`signal`) or its thread ended (`terminate`) at the deadline. Default `none`. */
  readonly cancel?: JobCancel | undefined
  /** Milliseconds that the work may take; with `cancel`. */
  readonly runTimeout?: number | undefined
  /** What the threads get instead of a copy of the closure. */
  readonly arg?: unknown
  /** Parts of the argument that move to the thread instead of being copied. */
  readonly transfer?: JobTransfer | undefined
  /** The descriptor with which it goes on where `complete` returns a mask for one. (AS-02, AS-13) */
  readonly fd?: number | undefined
  /** Default: the loop whose callback runs, elsewhere the first. (AS-03) */
  readonly owner?: Loop | undefined
}

/** Where an asynchronous event runs. (AS-04, AS-07) */
export interface AsynchEventPlace {
  /** Default: the queue `default`; of native functions the native one. */
  readonly queue?: JobQueue | undefined
  /** Jobs of one queue with different numbers get fair turns. Default: that of the job in whose code this is, else 0n. */
  readonly subqueue?: bigint | undefined
  /** Higher ones are taken first. Default 0. */
  readonly priority?: number | undefined
}

/** Where a dependent runs, and who waits for it. (AS-06) */
export interface DependentPlace extends AsynchEventPlace {
  /** Its completion waits for that of this event. */
  readonly dependOn: AsynchEvent
}

/** What an asynchronous event asks of a queue; it can be asked again. */
export interface AsynchWork {
  readonly target: JobTarget
  readonly phased: boolean
  readonly options: Pick<JobRunOptions, 'cleanup' | 'cancel' | 'runTimeout' | 'transfer'>
  /** Instead of the closure. */
  readonly argument: { readonly arg: unknown } | undefined
}

/** An asynchronous event that is checked and has not been made. */
export interface AsynchDefinition<C> {
  readonly work: AsynchWork
  readonly complete: CompleteCallback<C>
  readonly deadlineMs: number
  readonly fd: number
}

const STEPS: ReadonlySet<string> = new Set<keyof AsynchSteps<unknown>>(['work', 'cleanup', 'complete'])
const OPTIONS: ReadonlySet<string> = new Set<keyof AsynchOptions<unknown>>([
  'complete',
  'deadline',
  'cancel',
  'runTimeout',
  'arg',
  'transfer',
  'fd',
  'owner',
])

/** ERR_INVALID_ARGUMENT, EINVAL. */
export function defineAsynch<C>(
  what: AsynchSteps<C> | JobTarget,
  options: AsynchOptions<C>,
): AsynchDefinition<C> {
  checkOptions('asynch', options, OPTIONS, '{ deadline }')
  const { deadline, cancel, runTimeout, transfer, fd = -1 } = options
  if (!Number.isInteger(fd) || fd < -1) throw invalid('fd', 'is a descriptor', fd)
  const { target, cleanup, phased, complete = freed } = stepsOf(what, options.complete)
  if (typeof complete !== 'function') throw invalid('complete', 'is a function of this isolate', complete)
  located(target)
  if (cleanup !== undefined) located(cleanup)
  const asked = { cleanup, cancel, runTimeout, transfer }
  orderOf(target, undefined, asked)
  return {
    work: { target, phased, options: asked, argument: 'arg' in options ? { arg: options.arg } : undefined },
    complete,
    deadlineMs: deadline === undefined ? Number.POSITIVE_INFINITY : toLoopMs(deadline),
    fd,
  }
}

interface Steps<C> {
  readonly target: JobTarget
  readonly cleanup: JobTarget | undefined
  readonly phased: boolean
  readonly complete: CompleteCallback<C> | undefined
}

/** One target gets all steps that are not this isolate's, and the name of the step. */
function stepsOf<C>(what: AsynchSteps<C> | JobTarget, complete: CompleteCallback<C> | undefined): Steps<C> {
  if (typeof what !== 'object' || what === null)
    throw invalid('asynch takes', 'targets such as { module, export }', what)
  if (!('work' in what)) return { target: what, cleanup: undefined, phased: !('native' in what), complete }
  checkOptions('asynch', what, STEPS, '{ work, complete }')
  return { target: what.work, cleanup: what.cleanup, phased: false, complete: what.complete ?? complete }
}

function freed(): number {
  return 0
}
