import { availableParallelism } from 'node:os'
import type { PortMemory } from '../../backend'
import {
  JobQueueKind,
  JobSafety,
  type JobInfo,
  type JobQueueInfo,
  type JobQueueSettings,
  type JobQueueSpec,
  type JobsBackend,
  LEAST_NATIVE_THREADS,
  NATIVE_QUEUE,
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

/** No loop's number. */
const NO_HOST = -1

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
    for (const queue of this.#queues.values()) if (queue.hostLoop === loopId) this.#leave(queue)
  }

  queue(id: number): Queue | undefined {
    return this.#queues.get(id)
  }

  /** The number belongs to a queue of the host: none here gets it. */
  skipTo(id: number): void {
    this.#last = Math.max(this.#last, id)
  }

  create(loopId: number, spec: JobQueueSpec): number {
    if (spec.name === NATIVE_QUEUE && !this.#names.has(NATIVE_QUEUE)) this.#make(NO_HOST, nativeSpec())
    const known = this.#names.get(spec.name)
    if (known !== undefined) return known.state === QueueState.OPEN ? -errno.EEXIST : -errno.EBUSY
    return this.#loops.has(loopId) ? this.#make(loopId, spec).id : -errno.ENOENT
  }

  find(name: string): number {
    const queue = this.#names.get(name)
    return queue?.state === QueueState.OPEN ? queue.id : -errno.ENOENT
  }

  list(): JobQueueInfo[] {
    const queues = [...this.#names.values()].map(({ id, spec }) => ({
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
    if (queue.hostLoop === NO_HOST) return -errno.EPERM
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
    this.#forgetName(queue)
    return 0
  }

  abandon(id: number): number {
    const queue = this.#queues.get(id)
    if (queue === undefined) return -errno.ENOENT
    if (queue.hostLoop === NO_HOST) return -errno.EPERM
    this.#leave(queue)
    return 0
  }

  target(module: string, name: string): number {
    return this.targets.number(module, name)
  }

  targetOf(target: number): { module: string; name: string } | undefined {
    return this.targets.of(target)
  }

  #make(loopId: number, spec: JobQueueSpec): Queue {
    const queue = new Queue(++this.#last, spec, {
      loopId,
      alarms: this.#alarms,
      place: (of, id) => this.#place(of, id),
      wish: (of, thread, what) => this.#loops.get(loopId)?.jobs.wish(of.id, thread, what) === true,
    })
    this.#queues.set(queue.id, queue)
    this.#names.set(spec.name, queue)
    return queue
  }

  /** Its name is free; it goes when nothing runs there any more. */
  #leave(queue: Queue): void {
    this.#forgetName(queue)
    queue.drain(() => this.#queues.delete(queue.id))
    queue.dropWaiting(false)
    // Nobody will resume it, and cleanups are still to be run.
    queue.configure({ paused: false })
  }

  #forgetName({ spec: { name }, id }: Queue): void {
    if (this.#names.get(name)?.id === id) this.#names.delete(name)
  }

  #place(queue: Queue, id: number): Thread {
    return queue.spec.kind === JobQueueKind.NATIVE
      ? new NativeThread(id, queue, this.targets)
      : new WorkerThread(id, queue, this.targets)
  }
}

/** Native functions mostly wait for something, so there are some threads however few processors there are. */
function nativeSpec(): JobQueueSpec {
  return {
    name: NATIVE_QUEUE,
    kind: JobQueueKind.NATIVE,
    safety: JobSafety.NONE,
    desired: Math.max(LEAST_NATIVE_THREADS, availableParallelism()),
    ...{ min: 0, max: 0, floor: 0, maxBacklog: 0, stackBytes: 0 },
    lifo: false,
  }
}
