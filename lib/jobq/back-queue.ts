import { JOB_STATS, type JobQueueInfo, type JobsBackend, JobStat } from '../backend/jobs'

/** The queue in which finished jobs go back to a loop: part of `jobqs.list` on request, and nothing to submit to. (JQ-15) */
export class BackQueue {
  readonly name: string
  readonly internal = true
  readonly #id: number
  readonly #backend: JobsBackend

  /** @internal See `jobqs.list`. */
  constructor({ id, name }: JobQueueInfo, backend: JobsBackend) {
    this.#id = id
    this.name = name
    this.#backend = backend
  }

  /** Jobs that have come back, and how long they waited for the loop to take them, smoothed. 0 when the loop is gone. */
  stats(): { readonly total: number; readonly avgWaitMs: number } {
    const into = new Float64Array(JOB_STATS)
    if (this.#backend.stats(this.#id, into) < 0) return { total: 0, avgWaitMs: 0 }
    return { total: into[JobStat.TOTAL] as number, avgWaitMs: into[JobStat.AVG_WAIT_MS] as number }
  }
}
