import { join } from 'node:path'
import { PACKAGE_ROOT } from '../backend/platform'
import { HeddleError } from '../errors'
import type { JobOrder } from '../jobq'
import { packError } from '../jobq/error-codec'
import { located, type ModuleTarget, NATIVE } from '../jobq/targets'
import type { AsyncJob } from './async-job'
import type { Completion } from './completion'
import type { run, runAndTell, tell, Told } from './in-thread'

type Callback = Extract<Completion, { mode: 'callback' }>
type Argument<F extends (arg: never, context: never) => unknown> = Parameters<F>[0]

/** From the compiled package, also where this file is run from its source. */
const IN_THREAD = join(PACKAGE_ROOT, 'dist', 'threadpool', 'in-thread.js')
const RUN: ModuleTarget = { module: IN_THREAD, export: 'run' }
const RUN_AND_TELL: ModuleTarget = { module: IN_THREAD, export: 'runAndTell' }
const TELL: ModuleTarget = { module: IN_THREAD, export: 'tell' }

/**
 * What a queue is asked for a job. Native functions get the closure and nothing else. ERR_NOT_SUPPORTED: the worker is a
 * function of this isolate, or a native one that a callback is to follow.
 */
export function threadOrder(job: AsyncJob): JobOrder {
  const { worker, closure, completion, transfer } = job
  if (typeof worker === 'function') {
    const text =
      'functions cannot cross threads: the mode sync runs such a worker, others take { module, export }'
    throw new HeddleError('ERR_NOT_SUPPORTED', text)
  }
  const where = located(worker)
  const told = completion.mode === 'callback' && !job.skipCompletion ? completion : undefined
  if (where.module === NATIVE) {
    if (told === undefined) return { target: worker, arg: closure }
    throw new HeddleError('ERR_NOT_SUPPORTED', 'the thread of a native worker calls back no JavaScript')
  }
  if (told === undefined) {
    return { target: RUN, arg: { worker: where, closure } satisfies Argument<typeof run>, transfer }
  }
  const arg: Argument<typeof runAndTell> = { worker: where, closure, told: toldOf(told) }
  return { target: RUN_AND_TELL, arg, transfer }
}

/** The callback of a job whose work is over: on a thread of the pool. */
export function tailOrder(job: AsyncJob, completion: Callback): JobOrder {
  const { closure } = job
  const { value, failed, error } = job.end
  const arg: Argument<typeof tell> = {
    told: toldOf(completion),
    closure,
    value,
    failed,
    error: packError(error),
  }
  return { target: TELL, arg }
}

function toldOf(completion: Callback): Told {
  const fn = located(completion.fn)
  return 'closure' in completion ? { fn, closure: completion.closure } : { fn }
}
