import { checkOptions, invalid } from '../arguments'
import { Event } from '../eventer/event'
import { Loop } from '../eventer/loop'
import { located, type ModuleTarget } from '../jobq/targets'
import { Semaphore } from '../locks'
import type { AsyncJob } from './async-job'

/** Called with the job and the closure, when the work is over. */
export type CompletionFunction<C = unknown> = (job: AsyncJob<C>, closure: unknown) => unknown

/** A step that was suspended: a session, or whatever goes on when the work is over. */
export interface Resumable {
  /** Called on the scheduler's loop, once. */
  resume(mask: number, context: unknown): void
}

/**
 * What happens when the work of a job is over, and in which thread. (TP-02 … TP-09)
 *
 * | mode | what | where |
 * |---|---|---|
 * | `none` | nothing | – |
 * | `event`, `event-inst` | the event is scheduled and called back with the mask | its own loop; `loop` |
 * | `module` | `event.resume(mask, context)` | the scheduler's loop |
 * | `callback` | the export is called with the job and the closure | the thread that did the work |
 * | `callback-sched`, `callback-sched-inst` | the function is called with the job and the closure | the scheduler's loop; `loop` |
 * | `semaphore` | one permit is posted | – |
 * | `sync` | work and function are called before `queue` returns | the thread of the caller |
 *
 * The closure of a function is that of the job unless it has one of its own.
 */
export type Completion =
  | { readonly mode: 'none' }
  | { readonly mode: 'event'; readonly event: Event; readonly mask: number }
  | { readonly mode: 'event-inst'; readonly event: Event; readonly mask: number; readonly loop: Loop }
  | { readonly mode: 'module'; readonly event: Resumable; readonly mask: number; readonly context?: unknown }
  | { readonly mode: 'callback'; readonly fn: ModuleTarget; readonly closure?: unknown }
  | { readonly mode: 'callback-sched'; readonly fn: CompletionFunction; readonly closure?: unknown }
  | {
      readonly mode: 'callback-sched-inst'
      readonly fn: CompletionFunction
      readonly loop: Loop
      readonly closure?: unknown
    }
  | { readonly mode: 'semaphore'; readonly semaphore: Semaphore }
  | { readonly mode: 'sync'; readonly fn?: CompletionFunction; readonly closure?: unknown }

/** How a completion is called. */
export type CompletionMode = Completion['mode']

const FIELDS: Readonly<Record<CompletionMode, readonly string[]>> = {
  none: [],
  event: ['event', 'mask'],
  'event-inst': ['event', 'mask', 'loop'],
  module: ['event', 'mask', 'context'],
  callback: ['fn', 'closure'],
  'callback-sched': ['fn', 'closure'],
  'callback-sched-inst': ['fn', 'closure', 'loop'],
  semaphore: ['semaphore'],
  sync: ['fn', 'closure'],
}

/** A completion as it was given, with nothing that could change behind the job's back. ERR_INVALID_ARGUMENT. */
export function checkCompletion(given: Completion): Completion {
  if (typeof given !== 'object' || given === null)
    throw invalid('completion', 'is an object with a mode', given)
  const completion = { ...given }
  const { mode } = completion
  if (typeof mode !== 'string' || !Object.hasOwn(FIELDS, mode))
    throw invalid('mode', `is one of ${Object.keys(FIELDS).join(', ')}`, mode)
  checkOptions('completion', completion, new Set(['mode', ...FIELDS[mode]]), "{ mode: 'none' }")
  switch (completion.mode) {
    case 'none':
      break
    case 'event':
    case 'event-inst':
      if (!(completion.event instanceof Event)) throw invalid('event', 'is an event', completion.event)
      checkMask(completion.mask)
      break
    case 'module':
      if (typeof completion.event?.resume !== 'function')
        throw invalid('event', 'has a method resume', completion.event)
      checkMask(completion.mask)
      break
    case 'callback':
      located(completion.fn)
      break
    case 'callback-sched':
    case 'callback-sched-inst':
      if (typeof completion.fn !== 'function') throw invalid('fn', 'is a function', completion.fn)
      break
    case 'semaphore':
      if (!(completion.semaphore instanceof Semaphore))
        throw invalid('semaphore', 'is a Semaphore', completion.semaphore)
      break
    case 'sync':
      if (completion.fn !== undefined && typeof completion.fn !== 'function')
        throw invalid('fn', 'is a function', completion.fn)
  }
  if ('loop' in completion && !(completion.loop instanceof Loop))
    throw invalid('loop', 'is a loop of the eventer', completion.loop)
  return completion
}

function checkMask(mask: number): void {
  if (!Number.isInteger(mask) || mask <= 0) throw invalid('mask', 'is a mask such as Mask.READ', mask)
}
