import type { PortMemory } from '../../backend'
import {
  JobQueueKind,
  type JobInfo,
  type JobQueueInfo,
  type JobQueueSettings,
  type JobQueueSpec,
  type JobsBackend,
} from '../../jobs'
import { errno } from '../errno'
import type { Outbox } from '../outbox'
import { Alarms } from './alarms'
import { EngineJobs } from './engine-jobs'
import { type SubqueueInfo, listJobs, listSubqueues } from './listing'
import { NativeThread } from './native-thread'
import { Queue, QueueState } from './queue'
import { writeBackStats, writeStats } from './statistics'
import { Targets } from './targets'
import type { Thread } from './thread'
import { WorkerThread } from './worker-thread'

interface Loop {
  readonly jobs: EngineJobs
  /** Number and name of its back queue. */
  readonly id: number
  readonly name: string
}

/** The job queues of one isolate. */
export class JsJobs implements JobsBackend {
  readonly targets = new Targets()
  readonly #alarms = new Alarms()
  readonly #queues = new Map<number, Queue>()
  readonly #names = new Map<string, Queue>()
  readonly #loops = new Map<number, Loop>()
  #last = 0

  /** The part of one loop, until `closeEngine`. */
  openEngine(loopId: number, name: string, memory: PortMemory, outbox: Outbox, requestPass: () => void) {
    const jobs = new EngineJobs(this, memory, outbox, requestPass)
    this.#loops.set(loopId, { jobs, id: ++this.#last, name: `default_back_queue/${name}` })
    return jobs
  }

  closeEngine(loopId: number): void {
    this.#loops.get(loopId)?.jobs.close()
    this.#loops.delete(loopId)
    for (const queue of this.#queues.values()) if (queue.hostLoop === loopId) queue.hostGone()
  }

  queue(id: number): Queue | undefined {
    return this.#queues.get(id)
  }

  /** The number belongs to a queue of the host: none here gets it. */
  skipTo(id: number): void {
    this.#last = Math.max(this.#last, id)
  }

  create(loopId: number, spec: JobQueueSpec): number {
    if (this.#names.has(spec.name)) return -errno.EEXIST
    const host = this.#loops.get(loopId)
    if (host === undefined) return -errno.ENOENT
    const queue = new Queue(++this.#last, spec, {
      loopId,
      alarms: this.#alarms,
      place: (of, id) => this.#place(of, id),
      wish: (of, thread, what) => host.jobs.wish(of.id, thread, what),
    })
    this.#queues.set(queue.id, queue)
    this.#names.set(spec.name, queue)
    return queue.id
  }

  find(name: string): number {
    return this.#names.get(name)?.id ?? -errno.ENOENT
  }

  list(): JobQueueInfo[] {
    const queues = [...this.#queues.values()].map(({ id, spec }) => ({
      id,
      name: spec.name,
      kind: spec.kind,
      internal: false,
    }))
    const back = [...this.#loops.values()].map(({ id, name }) => ({
      id,
      name,
      kind: JobQueueKind.NATIVE,
      internal: true,
    }))
    return [...queues, ...back]
  }

  configure(id: number, settings: JobQueueSettings): number {
    const queue = this.#queues.get(id)
    queue?.configure(settings)
    return queue === undefined ? -errno.ENOENT : 0
  }

  stats(id: number, into: Float64Array): number {
    const queue = this.#queues.get(id)
    if (queue !== undefined) {
      writeStats(queue, into)
      return 0
    }
    const loop = [...this.#loops.values()].find((candidate) => candidate.id === id)
    if (loop !== undefined) writeBackStats(loop.jobs.desk, into)
    return loop === undefined ? -errno.ENOENT : 0
  }

  subqueues(id: number): SubqueueInfo[] {
    const queue = this.#queues.get(id)
    return queue === undefined ? [] : listSubqueues(queue)
  }

  jobs(id: number): JobInfo[] {
    const queue = this.#queues.get(id)
    return queue === undefined ? [] : listJobs(queue)
  }

  drain(id: number, loopId: number, request: number): number {
    const queue = this.#queues.get(id)
    if (queue === undefined) return -errno.ENOENT
    queue.drain(() => this.#loops.get(loopId)?.jobs.drained(request))
    return 0
  }

  dropWaiting(id: number, onlyDroppable: boolean): number {
    return this.#queues.get(id)?.dropWaiting(onlyDroppable) ?? -errno.ENOENT
  }

  destroy(id: number): number {
    const queue = this.#queues.get(id)
    if (queue === undefined) return -errno.ENOENT
    if (queue.state !== QueueState.DRAINED) return -errno.EBUSY
    this.#queues.delete(id)
    this.#names.delete(queue.spec.name)
    return 0
  }

  target(module: string, name: string): number {
    return this.targets.number(module, name)
  }

  targetOf(target: number): { module: string; name: string } | undefined {
    return this.targets.of(target)
  }

  #place(queue: Queue, id: number): Thread {
    return queue.spec.kind === JobQueueKind.NATIVE
      ? new NativeThread(id, queue, this.targets)
      : new WorkerThread(id, queue, this.targets)
  }
}
