import { JOB_STATS, JobStat } from '../../jobs'
import type { Desk } from './desk'
import type { Queue } from './queue'

/** Writes what `JobsBackend.stats` tells of a queue. (JQ-10) */
export function writeStats(queue: Queue, into: Float64Array): void {
  const { settings, spec, tally, crew } = queue
  into[JobStat.BACKLOG] = queue.backlog
  into[JobStat.INFLIGHT] = crew.inflight
  into[JobStat.TOTAL] = tally.total
  into[JobStat.TIMEOUTS] = tally.timeouts
  into[JobStat.AVG_WAIT_MS] = tally.wait.value
  into[JobStat.AVG_RUN_MS] = tally.run.value
  into[JobStat.CONCURRENCY] = crew.live
  into[JobStat.DESIRED] = settings.desired
  into[JobStat.MIN] = settings.min
  into[JobStat.MAX] = settings.max
  into[JobStat.FLOOR] = settings.floor
  into[JobStat.MAX_BACKLOG] = settings.maxBacklog
  into[JobStat.LIFO] = Number(settings.lifo)
  into[JobStat.PAUSED] = Number(settings.paused)
  into[JobStat.STATE] = queue.state
  into[JobStat.IDLE] = crew.idle
  into[JobStat.SAFETY] = spec.safety
}

/** Of a loop's own queue of finished jobs. (JQ-15) */
export function writeBackStats(desk: Desk, into: Float64Array): void {
  into.fill(0, 0, JOB_STATS)
  into[JobStat.BACKLOG] = desk.backlog
  into[JobStat.TOTAL] = desk.total
  into[JobStat.AVG_WAIT_MS] = desk.wait.value
}
