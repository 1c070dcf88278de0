import { JobOutcome } from '../backend/jobs'
import { HeddleError } from '../errors'

/** One of `JobOutcome`. */
export type JobOutcomeCode = (typeof JobOutcome)[keyof typeof JobOutcome]

/** Words in `ERRORS` that stand for the name of the target and that of the queue. */
type Text = (target: string, queue: string) => string

const ERRORS: Readonly<Record<number, readonly [code: string, text: Text]>> = {
  [JobOutcome.TIMED_OUT]: ['ETIME', (target) => `${target} did not begin before its deadline`],
  [JobOutcome.REMOVED]: ['ECANCELED', (target) => `${target} was taken out of its queue`],
  [JobOutcome.WORKER_DIED]: ['ERR_WORKER_DIED', (target) => `the thread ended in the middle of ${target}`],
  [JobOutcome.SHUTDOWN]: ['ERR_JOBQ_SHUTDOWN', (_, queue) => `the queue ${queue} takes no more jobs`],
  [JobOutcome.NO_MEMORY]: ['ENOMEM', (target) => `there was no memory for ${target}`],
  [JobOutcome.RUN_TIMED_OUT]: ['ETIME', (target) => `${target} ran longer than it may`],
  [JobOutcome.WEDGED]: [
    'ERR_QUEUE_WEDGED',
    (_, queue) => `every thread of ${queue} runs a job that was asked to stop and goes on`,
  ],
  [JobOutcome.NO_THREAD]: ['EAGAIN', (_, queue) => `the queue ${queue} could not start a thread`],
}

/** The error of a job that ended with neither a value nor an error of its own. */
export function outcomeError(outcome: number, target: string, queue: string): HeddleError {
  const known = ERRORS[outcome]
  if (known === undefined) return new HeddleError('EPROTO', `${target} ended in an unknown way, ${outcome}`)
  return new HeddleError(known[0], known[1](target, queue))
}

/** ERR_JOBQ_SHUTDOWN. */
export function shutDown(queue: string): HeddleError {
  return outcomeError(JobOutcome.SHUTDOWN, '', queue)
}
