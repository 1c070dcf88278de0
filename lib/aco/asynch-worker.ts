import { Worker } from 'node:worker_threads'
import { HeddleError } from '../errors'
import type { AsynchCall } from './asynch-runner'
import { ASYNCH_SOURCE } from './asynch-source'

/** What the thread answers. */
interface Answer {
  readonly value?: unknown
  readonly failed?: boolean
  readonly error?: unknown
  /** Of an error: its name, and the properties it was given. */
  readonly name?: string
  readonly own?: object
}

/**
 * One worker thread of a queue, which runs one call at a time. It keeps the process alive only while it does. When it dies
 * its call fails with ERR_WORKER_DIED.
 */
export class AsynchWorker {
  readonly #worker: Worker
  readonly #idle: (worker: AsynchWorker) => void
  readonly #died: (worker: AsynchWorker) => void
  #call: AsynchCall | undefined
  #cause: unknown

  /** `idle`: the call is over. `died`: the thread is. */
  constructor(queue: string, idle: (worker: AsynchWorker) => void, died: (worker: AsynchWorker) => void) {
    this.#idle = idle
    this.#died = died
    this.#worker = new Worker(ASYNCH_SOURCE, { eval: true, name: `heddle ${queue}` })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#answered(answer))
    this.#worker.on('error', (error) => {
      this.#cause = error
    })
    this.#worker.on('exit', (code) => this.#exited(code))
  }

  run(call: AsynchCall): void {
    this.#call = call
    const { target, arg, phased } = call
    this.#worker.ref()
    try {
      this.#worker.postMessage({ target, arg, phased })
    } catch (error) {
      // The argument cannot be cloned. Not now: the caller has not begun to wait.
      queueMicrotask(() => this.#over()?.reject(error))
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #answered(answer: Answer): void {
    const call = this.#over()
    if (answer.failed) call?.reject(errorOf(answer))
    else call?.resolve(answer.value)
  }

  #over(): AsynchCall | undefined {
    const call = this.#call
    this.#call = undefined
    this.#worker.unref()
    if (call !== undefined) this.#idle(this)
    return call
  }

  #exited(code: number): void {
    const call = this.#call
    this.#call = undefined
    this.#died(this)
    const how = this.#cause === undefined ? `exited with code ${code}` : 'had an uncaught exception'
    const options = this.#cause === undefined ? {} : { cause: this.#cause }
    call?.reject(new HeddleError('ERR_WORKER_DIED', `the thread of ${call.target.export} ${how}`, options))
  }
}

function errorOf({ error, name, own }: Answer): unknown {
  if (!(error instanceof Error)) return error
  if (name !== error.name) Object.defineProperty(error, 'name', { value: name, configurable: true })
  return Object.assign(error, own)
}
