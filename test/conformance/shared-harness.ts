import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, expect } from 'vitest'
import { HeddleError, SharedCounter, SharedMap, type SharedMapOptions } from '../../lib'
import { DIST } from './compiled'

const opened: { close(): void }[] = []
const workers: Worker[] = []
let names = 0

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
  for (const structure of opened.splice(0)) structure.close()
})

/** A name that nothing else bears. */
export function freshName(): string {
  return `test/${process.pid}/${++names}`
}

/** A map that is closed at the end of the test. */
export async function openMap<V = unknown>(
  options: SharedMapOptions = {},
  name = freshName(),
): Promise<SharedMap<V>> {
  const map = await SharedMap.open<V>(name, options)
  opened.push(map)
  return map
}

export async function openCounter(name = freshName()): Promise<SharedCounter> {
  const counter = await SharedCounter.open(name)
  opened.push(counter)
  return counter
}

/** The code of the HeddleError a call throws or rejects with; undefined if it does not. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(HeddleError)
    return (error as HeddleError).code
  }
}

/** Matters only when something is broken: far more than a slow, busy machine needs. */
const PATIENCE_MS = 100_000

/** Asks again and again, until that is over. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error('the condition did not come true')
}

/**
 * A worker thread with the module under test as `heddle`, what was given as `data`, and `say(value)` to tell. Answers
 * with what its body returns.
 */
export class TestWorker {
  readonly #worker: Worker
  readonly #heard: unknown[] = []
  readonly #ended: Promise<number>
  #failure: unknown
  #wake: () => void = () => {}

  constructor(body: string, data: unknown = undefined) {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      const heddlePath = ${JSON.stringify(join(DIST, 'shared/index.js'))}
      const heddle = require(heddlePath)
      const say = (value) => parentPort.postMessage(value)
      const main = async (data) => { ${body} }
      main(workerData).then(say, (error) => { throw error })`
    this.#worker = new Worker(code, { eval: true, workerData: data })
    workers.push(this.#worker)
    this.#worker.on('message', (value) => {
      this.#heard.push(value)
      this.#wake()
    })
    this.#worker.on('error', (error) => {
      this.#failure = error
      this.#wake()
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', (exit) => {
        this.#failure ??= new Error(`the worker ended with ${exit} and no answer`)
        resolve(exit)
        this.#wake()
      })
    })
  }

  /** What the worker says next. */
  async next(): Promise<unknown> {
    for (;;) {
      if (this.#heard.length > 0) return this.#heard.shift()
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Its end by itself. */
  async end(): Promise<void> {
    await this.#ended
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** What a body returns that runs in a worker thread, which then ends. */
export async function inWorker(body: string, data: unknown = undefined): Promise<unknown> {
  const worker = new TestWorker(body, data)
  const value = await worker.next()
  await worker.end()
  return value
}
