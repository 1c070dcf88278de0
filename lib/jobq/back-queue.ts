import type { JobQueueInfo } from '../backend/jobs'
import type { Port } from '../backend/port'
import { JOB_STATS, JobStat } from '../backend/jobs'

/** Numbers of a back queue. */
export interface BackQueueStats {
  /** Jobs that have come back. */
  readonly total: number
  /** How long they waited for the loop to take them, smoothed. */
  readonly avgWaitMs: number
}

/** The queue in which finished jobs go back to a loop: part of `jobqs.list` on request, and nothing to submit to. (JQ-15) */
export class BackQueue {
  readonly name: string
  readonly internal = true
  readonly #id: number
  readonly #port: Port

  /** @internal See `jobqs.list`. */
  constructor({ id, name }: JobQueueInfo, port: Port) {
    this.#id = id
    this.name = name
    this.#port = port
  }

  /** undefined: the loop is another isolate's, or gone. */
  stats(): BackQueueStats | undefined {
    const { backend, engine } = this.#port
    const into = new Float64Array(JOB_STATS)
    if (backend.jobs.stats(this.#id, into) >= 0)
      return { total: into[JobStat.TOTAL] as number, avgWaitMs: into[JobStat.AVG_WAIT_MS] as number }
    if (!this.name.endsWith(`/${engine.loopId}`)) return undefined
    engine.jobs.backStats(into)
    return { total: into[0] as number, avgWaitMs: into[1] as number }
  }
}
