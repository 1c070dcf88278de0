import { setTimeout as delay } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { METER_CELLS } from '../../backend/meter'
import { compiledFile } from '../../backend/platform'
import { HeddleError } from '../../errors'
import { unpackError } from '../../jobq/error-codec'
import { moduleUrl } from '../../jobq/targets'
import type { Core } from '../core'
import type { ResolvedOptions } from '../options'
import type { FromWorker, PoolEntry, ToWorker, WorkerStart } from './messages'
import type { ResolvedPool } from './options'
import { type ExportTarget, RemoteLoop } from './remote-loop'

/** A worker that does not end its eventer within so long is terminated: something in it does not return. */
const END_MS = 5000
/** So long it may have handles of its own afterwards. */
const LINGER_MS = 500

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Settled by a message of the worker, or by its end. */
class Turn {
  resolve: () => void = () => {}
  reject: (error: unknown) => void = () => {}
  readonly come = new Promise<void>((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })

  constructor() {
    // Whoever waits hears of it; nobody may.
    this.come.catch(() => {})
  }
}

/**
 * One place of a pool of workers, with the thread that is in it now: the side of the isolate that made the pool. It keeps
 * the process alive while it starts, while a call is out, and while `reference` says so.
 */
export class WorkerPlace {
  readonly loop: RemoteLoop
  readonly #core: Core
  readonly #pool: ResolvedPool
  readonly #options: ResolvedOptions
  readonly #cells = new Float64Array(new SharedArrayBuffer(METER_CELLS * 8))
  readonly #died: (place: WorkerPlace, error: HeddleError) => void
  readonly #calls = new Map<number, PendingCall>()
  #worker: Worker | undefined
  #port: MessagePort | undefined
  #up = new Turn()
  #ready = new Turn()
  #ended = new Turn()
  #exited: Promise<void> = Promise.resolve()
  #ending = false
  #referenced = false
  #starting = false
  #wasReady = false
  #cause: unknown
  #nextCall = 1

  /** `died`: the thread has ended, and nobody had asked it to; or none could be started. */
  constructor(
    core: Core,
    pool: ResolvedPool,
    index: number,
    options: ResolvedOptions,
    died: (place: WorkerPlace, error: HeddleError) => void,
  ) {
    this.#core = core
    this.#pool = pool
    this.#options = options
    this.#died = died
    this.loop = new RemoteLoop(core.backend, pool.name, index, {
      call: (target, arg) => this.#call(target, arg),
      idle: () => this.#worker?.performance.eventLoopUtilization().idle ?? 0,
    })
  }

  get onWorkerDeath(): 'respawn' | 'exit' {
    return this.#pool.onWorkerDeath
  }

  /** The module of the worker that is here, or was the last one, has been started. */
  get wasReady(): boolean {
    return this.#wasReady
  }

  get entry(): PoolEntry['threads'][number] {
    return { loopId: this.loop.loopId, threadId: this.loop.threadId, cells: this.#cells }
  }

  /** Starts a thread; resolves when its loop runs. EINVAL: its data cannot be cloned. */
  async start(): Promise<void> {
    this.#up = new Turn()
    this.#ready = new Turn()
    this.#ended = new Turn()
    this.#cause = undefined
    this.#wasReady = false
    this.#starting = true
    const { port1, port2 } = new MessageChannel()
    const worker = this.#thread(port1, port2)
    this.#port = port1
    this.#worker = worker
    this.#reference()
    port1.on('message', (message: FromWorker) => this.#message(message))
    worker.on('error', (error) => {
      this.#cause = error
    })
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.#exit(worker, port1, code)
        resolve()
      })
    })
    await this.#up.come
  }

  /** Tells where the loops are. The first time after a start the module is run; resolves when it has been. */
  async tell(pools: readonly PoolEntry[]): Promise<void> {
    const { module } = this.#pool
    this.#send({ op: 'directory', pools, module: module === undefined ? undefined : moduleUrl(module) })
    await this.#ready.come
    this.#starting = false
    this.#reference()
  }

  /** ERR_WORKER_DIED. */
  assertThere(): void {
    if (this.loop.loopId === 0) throw new HeddleError('ERR_WORKER_DIED', `no worker is in ${this.loop.name}`)
  }

  /** Whether the thread keeps the process alive. */
  reference(on: boolean): void {
    this.#referenced = on
    this.#reference()
  }

  /** Ends the eventer there, then the thread. Idempotent. */
  async end(): Promise<void> {
    if (this.#ending) return this.#exited
    this.#ending = true
    this.#starting = true
    this.#reference()
    const stop = new AbortController()
    const sleep = (ms: number) => delay(ms, undefined, { signal: stop.signal }).catch(() => {})
    this.#send({ op: 'end' })
    await Promise.race([this.#ended.come.catch(() => {}), this.#exited, sleep(END_MS)])
    // A thread that is ended from outside in the middle of reading a file leaves it open, so it may go by itself.
    await Promise.race([this.#exited, sleep(LINGER_MS)])
    stop.abort()
    await this.#worker?.terminate()
    await this.#exited
  }

  /** A port that is left open would keep the process alive for good. */
  #thread(ours: MessagePort, theirs: MessagePort): Worker {
    try {
      return new Worker(compiledFile('eventer/pools/worker-main.js'), {
        name: this.loop.name,
        workerData: this.#startData(theirs),
        transferList: [theirs],
      })
    } catch (cause) {
      ours.close()
      theirs.close()
      this.#starting = false
      const { name, data } = this.#pool
      const error = isCloneable(data)
        ? cause
        : new HeddleError('EINVAL', `pools.${name}.data cannot be cloned`, { cause })
      this.#died(
        this,
        new HeddleError('ERR_WORKER_DIED', `${this.loop.name} has no worker`, { cause: error }),
      )
      throw error
    }
  }

  #startData(port: MessagePort): WorkerStart {
    const { log: _, ...options } = this.#options
    return {
      port,
      backend: this.#core.backend.capabilities.backend,
      options: {
        ...options,
        rlimNofiles: undefined,
        pools: [{ ...this.#pool, module: undefined, data: undefined }],
      },
      index: this.loop.index,
      cells: this.#cells,
      data: this.#pool.data,
    }
  }

  #call(target: ExportTarget, arg: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.assertThere()
      const id = this.#nextCall++
      const module = moduleUrl(target.module)
      this.#send({ op: 'call', id, target: { module, export: target.export }, arg })
      this.#calls.set(id, { resolve, reject })
      this.#reference()
    })
  }

  #message(message: FromWorker): void {
    switch (message.op) {
      case 'up':
        this.loop.moved(message.loopId, (this.#worker as Worker).threadId, this.#cells)
        this.#up.resolve()
        return
      case 'ready':
        this.#wasReady = true
        this.#ready.resolve()
        return
      case 'failed':
        this.#cause = unpackError(message.error)
        this.#up.reject(this.#cause)
        this.#ready.reject(this.#cause)
        void this.#worker?.terminate()
        return
      case 'answer': {
        const call = this.#calls.get(message.id)
        this.#calls.delete(message.id)
        this.#reference()
        if (message.error === undefined) call?.resolve(message.value)
        else call?.reject(unpackError(message.error))
        return
      }
      case 'told': {
        const error = message.error === undefined ? {} : { error: unpackError(message.error) }
        this.loop.heard.get(message.listener)?.({ ...message.message, ...error })
        return
      }
      case 'ended':
        this.#ended.resolve()
    }
  }

  #exit(worker: Worker, port: MessagePort, code: number): void {
    // What it had said before it ended lies in the port, and may not have been heard yet.
    for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port))
      this.#message(last.message as FromWorker)
    port.close()
    if (this.#worker === worker) this.#worker = undefined
    this.loop.moved(0, 0, this.#cells)
    const cause = this.#cause
    const how = cause === undefined ? `exited with code ${code}` : 'ended with an error'
    const options = cause === undefined ? {} : { cause }
    const error = new HeddleError('ERR_WORKER_DIED', `the worker of ${this.loop.name} ${how}`, options)
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
    this.#up.reject(error)
    this.#ready.reject(error)
    for (const told of [...this.loop.lost]) told()
    if (!this.#ending) this.#died(this, error)
  }

  #send(message: ToWorker): void {
    this.#port?.postMessage(message)
  }

  /** A port with a listener keeps the process alive by itself. */
  #reference(): void {
    const on = this.#starting || this.#referenced || this.#calls.size > 0
    for (const held of [this.#worker, this.#port]) {
      if (on) held?.ref()
      else held?.unref()
    }
  }
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
