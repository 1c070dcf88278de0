import type { JobContext } from '../jobq'
import { unpackError } from '../jobq/error-codec'
import { type LocatedTarget, load } from '../jobq/targets'

/** A job as its worker and its completion see it in the thread of a pool. */
export interface ThreadJob {
  readonly closure: unknown
  /** What the work returned, and whether it failed, and why: for the completion. */
  readonly value: unknown
  readonly failed: boolean
  readonly error: unknown
  /** Aborted when the job is asked to stop. */
  readonly signal: AbortSignal
  /** What the queue says of the job. */
  readonly context: JobContext
}

/** The completion that belongs into the thread of the work. */
export interface Told {
  readonly fn: LocatedTarget
  readonly closure?: unknown
}

type Work = (job: ThreadJob, closure: unknown) => unknown

/** Exports that were loaded. */
const known = new Map<string, Work>()

class Job implements ThreadJob {
  readonly closure: unknown
  readonly context: JobContext
  value: unknown
  failed = false
  error: unknown

  constructor(closure: unknown, context: JobContext) {
    this.closure = closure
    this.context = context
  }

  get signal(): AbortSignal {
    return this.context.signal
  }
}

/** The worker of a job, on a worker thread. Nothing is awaited once the worker is loaded. */
export function run(
  { worker, closure }: { readonly worker: LocatedTarget; readonly closure: unknown },
  context: JobContext,
): unknown {
  const work = known.get(keyOf(worker))
  if (work !== undefined) return work(new Job(closure, context), closure)
  return find(worker).then((found) => found(new Job(closure, context), closure))
}

/** The worker, and behind it the completion, whatever has become of the worker; the first error counts. */
export async function runAndTell(
  {
    worker,
    closure,
    told,
  }: { readonly worker: LocatedTarget; readonly closure: unknown; readonly told: Told },
  context: JobContext,
): Promise<unknown> {
  const job = new Job(closure, context)
  try {
    job.value = await (await find(worker))(job, closure)
  } catch (error) {
    job.failed = true
    job.error = error
  }
  try {
    await callBack(told, job)
  } catch (error) {
    if (!job.failed) throw error
  }
  if (job.failed) throw job.error
  return job.value
}

/** The completion alone, of a job whose work is over; `error` as `packError` has written it. */
export async function tell(
  given: Pick<ThreadJob, 'closure' | 'value' | 'failed' | 'error'> & { readonly told: Told },
  context: JobContext,
): Promise<void> {
  const { told, closure, value, failed } = given
  const error = failed ? unpackError(given.error) : undefined
  await callBack(told, Object.assign(new Job(closure, context), { value, failed, error }))
}

async function callBack(told: Told, job: Job): Promise<void> {
  await (await find(told.fn))(job, 'closure' in told ? told.closure : job.closure)
}

async function find(target: LocatedTarget): Promise<Work> {
  const key = keyOf(target)
  const found = known.get(key) ?? ((await load(target)) as Work)
  known.set(key, found)
  return found
}

function keyOf({ module, export: name }: LocatedTarget): string {
  return `${name} ${module}`
}
