import { JobFlag } from '../backend/jobs'
import type { JobTarget } from './targets'

/** What happens to a job that runs when its deadline passes, its run time is over, or it is aborted. (AS-09) */
export type JobCancel = 'none' | 'signal' | 'terminate'

/** What can be moved to another thread instead of being copied, as for `postMessage`. */
export type JobTransfer = readonly import('node:worker_threads').TransferListItem[]

/** A job, as `JobDesk` takes it: everything is checked already. */
export interface JobOrder {
  readonly target: JobTarget
  /** Runs behind the work on the same thread, whatever has become of the work. */
  readonly cleanup?: JobTarget | undefined
  readonly arg?: unknown
  readonly transfer?: JobTransfer | undefined
  /** Without `cleanup`: the target runs twice, and gets 'work' and 'cleanup' in front of its argument. */
  readonly phased?: boolean | undefined
  readonly subqueue?: bigint | undefined
  /** Higher is sooner. */
  readonly priority?: number | undefined
  /** Loop milliseconds. */
  readonly deadline?: number | undefined
  /** Milliseconds, from the start of the work. */
  readonly runTimeout?: number | undefined
  readonly cancel?: JobCancel | undefined
  /** In a worker: the run that waits for this job. */
  readonly parent?: number | undefined
  /** A shutdown need not run it. */
  readonly droppable?: boolean | undefined
  /** `JobDesk.completed` will be called when its completion has run. */
  readonly completes?: boolean | undefined
}

/** The bits that an order asks for. */
export function flagsOf(order: JobOrder): number {
  let flags = 0
  if (order.phased === true || order.cleanup !== undefined) flags |= JobFlag.PHASED
  if (order.cancel === 'signal') flags |= JobFlag.CANCEL_SIGNAL
  else if (order.cancel === 'terminate') flags |= JobFlag.CANCEL_TERMINATE
  if (order.completes === true) flags |= JobFlag.COMPLETES
  if (order.droppable === true) flags |= JobFlag.DROPPABLE
  return flags
}

/** Whether the short record says all of it. */
export function isPlain(order: JobOrder): boolean {
  return (
    order.cleanup === undefined &&
    order.subqueue === undefined &&
    order.priority === undefined &&
    order.deadline === undefined &&
    order.runTimeout === undefined &&
    order.parent === undefined
  )
}
