import type { JobInfo } from '../../jobs'
import type { Job } from './job'
import type { Queue } from './queue'

export interface SubqueueInfo {
  readonly id: bigint
  readonly backlog: number
  readonly inflight: number
}

/** Waiting and running jobs. What stands in line at a thread waits. (JQ-11) */
export function listJobs({ waiting, crew }: Queue): JobInfo[] {
  const now = performance.now()
  const info = ({ order, addedAt }: Job, state: JobInfo['state']): JobInfo => {
    const { target, subqueue, priority } = order
    return { target, subqueue, priority, state, ageMs: now - addedAt }
  }
  const list = [...waiting].map((job) => info(job, 'waiting'))
  for (const thread of crew) {
    for (const job of thread.bound) list.push(info(job, 'waiting'))
    for (const job of thread.jobs) list.push(info(job, thread.hasBegun(job) ? 'running' : 'waiting'))
  }
  return list
}

/** Those that have jobs. (JQ-12) */
export function listSubqueues({ waiting, crew }: Queue): SubqueueInfo[] {
  const list = new Map<bigint, { id: bigint; backlog: number; inflight: number }>()
  for (const { id, isActive, waiting: backlog } of waiting.subqueues())
    if (isActive) list.set(id, { id, backlog, inflight: 0 })
  const count = (job: Job, isRunning: boolean): void => {
    const { subqueue: id } = job.order
    const one = list.get(id) ?? { id, backlog: 0, inflight: 0 }
    list.set(id, one)
    if (isRunning) one.inflight++
    else one.backlog++
  }
  for (const thread of crew) {
    for (const job of thread.jobs) count(job, thread.hasBegun(job))
    for (const job of thread.bound) count(job, false)
  }
  return [...list.values()]
}
