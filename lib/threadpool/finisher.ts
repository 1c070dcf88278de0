import type { Core } from '../eventer/core'
import type { Loop } from '../eventer/loop'
import { Mask } from '../eventer/mask'
import { TimedEvent } from '../eventer/timed-event'
import { toLoopMs } from '../time'
import type { AsyncJob } from './async-job'
import type { Completion, CompletionFunction } from './completion'
import { dispatchEvent } from './dispatch-event'

/**
 * Carries out completions, each on the loop it belongs to. What fails there is reported as the errors of event callbacks are, and
 * the job is over all the same.
 */
export class Finisher {
  readonly #core: Core
  readonly #over: (job: AsyncJob) => void

  /** `over`: the completion of the job is over. */
  constructor(core: Core, over: (job: AsyncJob) => void) {
    this.#core = core
    this.#over = over
  }

  /** The loop to which the end of a job should come. */
  home(completion: Completion): Loop {
    if ('loop' in completion) return completion.loop
    if (completion.mode === 'event') return completion.event.owner
    return this.#core.loops[0] as Loop
  }

  /** On the loop of the completion: now where that is the current one or none is, in a later pass otherwise. */
  complete(job: AsyncJob): void {
    job.enter('completing')
    const loop = this.home(job.completion)
    const { loopHere } = this.#core
    if (job.completion.mode === 'sync' || loopHere === undefined || loopHere === loop) {
      this.#carryOut(loop, job)
      return
    }
    const event = new TimedEvent(loop, toLoopMs(0), () => this.#carryOut(loop, job), undefined)
    this.#core.add(event)
    loop.wakeup()
  }

  #carryOut(loop: Loop, job: AsyncJob): void {
    const { completion } = job
    const name = `completion ${completion.mode}`
    const site = () => ({ name, loop, mask: Mask.ASYNCH_COMPLETE, event: `job/${name}/-/-/${loop.name}/-` })
    const promise = loop.dispatcher.perform(() => thenable(act(job, completion, loop)), site)
    if (promise === undefined) {
      this.#over(job)
      return
    }
    promise.then(
      () => this.#over(job),
      (error: unknown) => {
        this.#over(job)
        this.#core.reportFailed(site, error)
      },
    )
  }
}

/** `callback` has run in the thread of the work. */
function act(job: AsyncJob, completion: Completion, loop: Loop): unknown {
  switch (completion.mode) {
    case 'event':
      return dispatchEvent(completion.event, completion.mask)
    case 'event-inst':
      if (completion.event.owner !== loop) completion.event.owner = loop
      return dispatchEvent(completion.event, completion.mask)
    case 'module':
      completion.event.resume(completion.mask, completion.context)
      return undefined
    case 'callback-sched':
    case 'callback-sched-inst':
      return call(completion.fn, job, completion)
    case 'sync':
      return completion.fn === undefined ? undefined : call(completion.fn, job, completion)
    case 'semaphore':
      return completion.semaphore.post()
    default:
      return undefined
  }
}

function call(fn: CompletionFunction, job: AsyncJob, completion: { readonly closure?: unknown }): unknown {
  return fn(job, 'closure' in completion ? completion.closure : job.closure)
}

function thenable(value: unknown): PromiseLike<unknown> | undefined {
  const found = typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
  return found ? Promise.resolve(value as PromiseLike<unknown>) : undefined
}
