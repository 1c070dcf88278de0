import { type MessagePort, workerData } from 'node:worker_threads'
import { selectBackend, selectJsBackend } from '../../backend/select'
import { Meter } from '../../backend/meter'
import { packError } from '../../jobq/error-codec'
import { Eventer } from '../eventer'
import { toStderr } from '../options'
import type { PoolContext } from './context'
import type { FromWorker, ToWorker, WorkerStart } from './messages'
import type { ExportTarget } from './remote-loop'

// What a worker thread of a pool runs: an eventer with one loop, the module of the pool, and calls from the isolate that
// made the pool. It ends when it is told to, or with the process.

type Exported = (...args: unknown[]) => unknown

/** Serves the port until the end. The thread lives as long as its loop. */
class PoolWorkerThread {
  readonly #port: MessagePort
  readonly #eventer: Eventer
  readonly #context: PoolContext
  readonly #leave = new AbortController()
  #started: Promise<void> | undefined
  #ready: () => void = () => {}
  /** The module has been started; never, where that fails. */
  readonly #isReady = new Promise<void>((resolve) => {
    this.#ready = resolve
  })

  constructor({ port, backend, options, index, cells, data }: WorkerStart) {
    this.#port = port
    if (backend === 'js') selectJsBackend()
    this.#eventer = Eventer.ofWorker(selectBackend(), { ...options, log: toStderr }, index)
    const loop = this.#eventer.loops[0]
    loop.port.meter = new Meter(cells)
    this.#context = {
      eventer: this.#eventer,
      loop,
      pool: loop.pool,
      index,
      data,
      signal: this.#leave.signal,
      tell: (listener, message) => this.#tell(listener, message),
    }
    this.#eventer.start()
    port.on('message', (message: ToWorker) => void this.#message(message))
    // The loop keeps the thread alive, not the port.
    port.unref()
    this.#send({ op: 'up', loopId: loop.loopId })
  }

  async #message(message: ToWorker): Promise<void> {
    if (this.#leave.signal.aborted) return
    switch (message.op) {
      case 'directory':
        this.#eventer.learnPools(message.pools)
        this.#started ??= this.#start(message.module)
        return
      case 'call':
        await this.#call(message.id, message.target, message.arg)
        return
      case 'end':
        this.#leave.abort()
        // A thread that ends in the middle of reading its module leaves the file open.
        await this.#started
        await this.#eventer[Symbol.asyncDispose]()
        this.#send({ op: 'ended' })
    }
  }

  async #start(module: string | undefined): Promise<void> {
    try {
      if (module !== undefined) await run(module, this.#context)
      this.#send({ op: 'ready' })
      this.#ready()
    } catch (error) {
      this.#send({ op: 'failed', error: packError(error) })
    }
  }

  /** Waits for the module: in the place of a dead worker, calls may come before it has been started. */
  async #call(id: number, target: ExportTarget, arg: unknown): Promise<void> {
    await this.#isReady
    try {
      const found = (await exportsOf(target.module as string))[target.export]
      if (typeof found !== 'function')
        throw new TypeError(`${target.module} exports no function ${target.export}`)
      const value = await (found as Exported)(arg, this.#context)
      this.#send({ op: 'answer', id, value })
    } catch (error) {
      this.#send({ op: 'answer', id, error: packError(error) })
    }
  }

  /** An error in the message crosses as errors do. */
  #tell(listener: number, message: { readonly error?: unknown }): void {
    const { error, ...rest } = message
    const copied = 'error' in message ? { error: packError(error) } : {}
    this.#send({ op: 'told', listener, message: rest, ...copied })
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message)
  }
}

/** A module of ours may be CommonJS, whose exports are those of its default export too. */
async function exportsOf(module: string): Promise<Record<string, unknown>> {
  return (await import(module)) as Record<string, unknown>
}

async function run(module: string, context: PoolContext): Promise<void> {
  const { start, default: main } = await exportsOf(module)
  const named = start ?? (main as { start?: unknown } | undefined)?.start ?? main
  if (typeof named !== 'function')
    throw new TypeError(
      `the module ${module} of a pool has neither a default export nor an export start to call`,
    )
  await (named as Exported)(context)
}

new PoolWorkerThread(workerData as WorkerStart)
