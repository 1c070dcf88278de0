import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import { JobQueue, type JobQueues, type JobTarget } from '../jobq'
import { AsynchEvent } from './asynch-event'
import {
  type AsynchOptions,
  type AsynchEventPlace,
  type AsynchSteps,
  type DependentPlace,
  defineAsynch,
} from './asynch-spec'
import { EventIo } from './event-io'
import { Loop } from './loop'

const PLACE: ReadonlySet<string> = new Set<keyof DependentPlace>([
  'queue',
  'subqueue',
  'priority',
  'dependOn',
])

/** The part of an eventer that makes asynchronous events and hands them to queues. */
export abstract class AsynchEvents extends EventIo {
  /** The job queues that this isolate sees. */
  abstract readonly jobqs: JobQueues

  /**
   * An asynchronous event that is not queued. Its steps are exports of modules or native functions, as functions cannot
   * cross threads, except `complete`; one target that stands for all is called with `work` or `cleanup` as its first
   * argument, and the closure as its second. ERR_INVALID_ARGUMENT, EINVAL. (AS-01)
   */
  asynch<C = undefined>(
    what: AsynchSteps<C> | JobTarget,
    closure?: C,
    options: AsynchOptions<C> = {},
  ): AsynchEvent<C> {
    const definition = defineAsynch(what, options)
    const { owner = this.homeLoop() } = options
    if (!(owner instanceof Loop)) throw invalid('owner', 'is a loop of this eventer', owner)
    return new AsynchEvent<C>(owner, definition, closure as C)
  }

  /**
   * Hands an asynchronous event to a queue, which takes it over however many wait. ERR_EVENT_SCHEDULED, ERR_EVENT_ACTIVE,
   * ERR_JOBQ_SHUTDOWN, ERR_INVALID_ARGUMENT. (AS-04)
   */
  addAsynch(event: AsynchEvent, place: AsynchEventPlace = {}): void {
    this.#hand('addAsynch', event, place, false)
  }

  /** The same, unless as many wait as may, or the queue takes no more: false, and the event is the caller's. (AS-05) */
  tryAddAsynch(event: AsynchEvent, place: AsynchEventPlace = {}): boolean {
    return this.#hand('tryAddAsynch', event, place, true)
  }

  /**
   * Hands over an event for whose completion that of `dependOn` waits, which is queued or running. The function of a job adds
   * dependents by `addDependent` of its context. EINVAL: `dependOn` is not queued. (AS-06)
   */
  addAsynchDep(event: AsynchEvent, place: DependentPlace): void {
    this.#hand('addAsynchDep', event, place, false, waiterOf(place))
  }

  /** The same, unless as many wait as may, or the queue takes no more: false, and nobody waits. (AS-06) */
  tryAddAsynchDep(event: AsynchEvent, place: DependentPlace): boolean {
    return this.#hand('tryAddAsynchDep', event, place, true, waiterOf(place))
  }

  #hand(
    call: string,
    event: AsynchEvent,
    place: AsynchEventPlace,
    trying: boolean,
    waiter?: AsynchEvent,
  ): boolean {
    this.core.assertOpen()
    if (!(event instanceof AsynchEvent)) throw invalid(`${call} takes`, 'an asynchronous event', event)
    checkOptions(call, place, PLACE, '{ queue }')
    const { queue = event.isNative ? this.jobqs.native : this.jobqs.default } = place
    if (!(queue instanceof JobQueue)) throw invalid('queue', 'is a queue of eventer.jobqs', queue)
    if (queue.isDraining && !trying) throw new HeddleError('ERR_JOBQ_SHUTDOWN')
    return event.submit(queue, place, trying, waiter)
  }
}

function waiterOf({ dependOn }: DependentPlace): AsynchEvent {
  if (!(dependOn instanceof AsynchEvent)) throw invalid('dependOn', 'is an asynchronous event', dependOn)
  if (dependOn.mayBeWaitedFor) return dependOn
  throw new HeddleError('EINVAL', 'dependOn is not queued, or has ended already')
}
