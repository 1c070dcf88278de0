import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect } from 'vitest'
import { selectBackend } from '../../lib/backend/select'
import { DIST } from './compiled'

export const isNative = selectBackend().capabilities.backend === 'native'

/** The code of what a call throws, undefined when it throws nothing. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

/** What a call throws. */
export function thrown(call: () => unknown): Error & { code?: string } {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** `expect.poll` with a limit that matters only when something is broken: a busy machine must pass. */
export function eventually<T>(value: () => T) {
  return expect.poll(value, { timeout: 60_000, interval: 5 })
}

/** A module name of its own for a case, so that types of one case are not those of another. */
let modules = 0
export function freshModule(): string {
  return `case${process.pid}x${modules++}`
}

/** An expression that loads memory and the eventer as they were compiled. */
export function loadText(): string {
  const load = (path: string): string => `...require(${JSON.stringify(join(DIST, path))})`
  return `({ ${load('memory/index.js')}, ${load('eventer/index.js')}, ${load('backend/select.js')} })`
}

/**
 * A worker thread that runs functions of ours, one after the other, with memory and the eventer at hand as `heddle`.
 * The body of a job is the text of an async function of `data`.
 */
export class Mate {
  readonly #worker: Worker
  #jobs = 0

  constructor() {
    const code = `
      const { parentPort } = require('node:worker_threads')
      const heddle = ${loadText()}
      const codeOf = (call) => { try { call() } catch (error) { return error.code } }
      const kept = {}
      parentPort.on('message', async ({ job, body, data }) => {
        try {
          const run = new (Object.getPrototypeOf(async () => {}).constructor)('heddle', 'kept', 'codeOf', 'data', body)
          parentPort.postMessage({ job, value: await run(heddle, kept, codeOf, data) })
        } catch (error) {
          parentPort.postMessage({ job, error: String(error.stack) })
        }
      })`
    this.#worker = new Worker(code, { eval: true })
    this.#worker.setMaxListeners(0)
  }

  run(body: string, data?: unknown): Promise<unknown> {
    const job = this.#jobs++
    this.#worker.postMessage({ job, body, data })
    return new Promise((resolve, reject) => {
      this.#worker.on('message', (answer: { job: number; value?: unknown; error?: string }) => {
        if (answer.job !== job) return
        if (answer.error === undefined) resolve(answer.value)
        else reject(new Error(answer.error))
      })
      this.#worker.once('error', reject)
      this.#worker.once('exit', () => reject(new Error('the worker has ended')))
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
