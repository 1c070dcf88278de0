import { HeddleError } from '../errors'
import type { AsynchCall, AsynchRunner } from './asynch-runner'
import { AsynchWorker } from './asynch-worker'
import { FairQueue } from './fair-queue'

/** Limits of a queue. */
export interface AsynchQueueOptions {
  /** Calls that run at once, each on a thread of its own. Default 4. */
  readonly concurrency?: number
  /** Waiting calls from which on a call with `try` is refused; 0, the default: never. Others are always taken. */
  readonly maxBacklog?: number
}

/**
 * A queue of asynchronous calls and the worker threads that run them. A thread is started when there is work and none is
 * idle, up to the concurrency; all are kept until the eventer ends.
 */
export class WorkerQueue implements AsynchRunner {
  readonly name: string
  readonly concurrency: number
  readonly maxBacklog: number
  readonly #waiting = new FairQueue<AsynchCall>()
  readonly #idle: AsynchWorker[] = []
  readonly #workers = new Set<AsynchWorker>()
  #closed = false

  /** @internal See `aco.asynchQueue`. */
  constructor(name: string, { concurrency = 4, maxBacklog = 0 }: AsynchQueueOptions) {
    this.name = name
    this.concurrency = concurrency
    this.maxBacklog = maxBacklog
  }

  /** Calls that wait for a thread. */
  get backlog(): number {
    return this.#waiting.size
  }

  /** Calls that run. */
  get inflight(): number {
    return this.#workers.size - this.#idle.length
  }

  get isFull(): boolean {
    return this.maxBacklog > 0 && this.backlog >= this.maxBacklog
  }

  /** Waiting calls by subqueue; those without are not listed. */
  subqueues(): Map<bigint, number> {
    return this.#waiting.sizes()
  }

  /** @internal */
  submit(call: AsynchCall): void {
    if (this.#closed) {
      call.reject(closed(this.name))
      return
    }
    this.#waiting.push(call.subqueue, call)
    this.#next()
  }

  /** @internal */
  withdraw(call: AsynchCall): void {
    this.#waiting.delete(call.subqueue, call)
  }

  /** @internal Fails what waits and ends the threads; what they run is cut off. */
  async close(): Promise<void> {
    this.#closed = true
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      call.reject(closed(this.name))
    }
    await Promise.all([...this.#workers].map((worker) => worker.end()))
  }

  #next(): void {
    while (this.#idle.length > 0 || this.#workers.size < this.concurrency) {
      const call = this.#takeDue()
      if (call === undefined) return
      const worker = this.#idle.pop() ?? this.#grow()
      worker.run(call)
    }
  }

  /** The next call whose deadline is not past. */
  #takeDue(): AsynchCall | undefined {
    const now = performance.now()
    for (;;) {
      const call = this.#waiting.shift()
      if (call === undefined || call.deadline > now) return call
      call.reject(new HeddleError('ETIME', `${call.target.export} did not begin before its deadline`))
    }
  }

  #grow(): AsynchWorker {
    const worker = new AsynchWorker(
      this.name,
      (idle) => {
        this.#idle.push(idle)
        this.#next()
      },
      (dead) => this.#bury(dead),
    )
    this.#workers.add(worker)
    return worker
  }

  #bury(dead: AsynchWorker): void {
    this.#workers.delete(dead)
    const at = this.#idle.indexOf(dead)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#next()
  }
}

function closed(name: string): HeddleError {
  return new HeddleError('ECANCELED', `the queue ${name} is closed`)
}
