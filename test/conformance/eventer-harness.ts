import { readdirSync } from 'node:fs'
import { expect } from 'vitest'
import type { Sys } from '../../lib/backend/backend'
import { selectBackend } from '../../lib/backend/select'
import { Eventer, type EventerOptions } from '../../lib/eventer'

export const backend = selectBackend()
export const isNative = backend.capabilities.backend === 'native'
export const sys: Sys = backend.sys

/** Matters only when something is broken: far more than a slow, busy machine needs. */
const WAIT_MS = 60_000

/** What a case gets: an eventer of its own, descriptors that are closed behind it, and ways to wait. */
export class Bench {
  readonly eventer: Eventer
  readonly #open = new Set<number>()

  constructor(eventer: Eventer) {
    this.eventer = eventer
  }

  /** Two connected stream descriptors. */
  pair(): [number, number] {
    return this.#take(sys.pair())
  }

  /** Read end, write end. */
  pipe(): [number, number] {
    return this.#take(sys.pipe())
  }

  /** Puts a descriptor among those that are closed at the end. */
  own(fd: number): number {
    expect(fd).toBeGreaterThanOrEqual(0)
    this.#open.add(fd)
    return fd
  }

  close(fd: number): void {
    this.#open.delete(fd)
    expect(sys.close(fd)).toBe(0)
  }

  /** The case closed this descriptor by itself. */
  gone(fd: number): void {
    this.#open.delete(fd)
  }

  write(fd: number, text: string): void {
    expect(sys.write(fd, Buffer.from(text))).toBe(Buffer.byteLength(text))
  }

  /** What lies in the descriptor now. */
  drain(fd: number): string {
    const buffer = Buffer.alloc(65536)
    let text = ''
    for (let n = sys.read(fd, buffer); n > 0; n = sys.read(fd, buffer))
      text += buffer.toString('latin1', 0, n)
    return text
  }

  /** Runs the loops until something is so. */
  async until(done: () => boolean, what = 'the condition', waitMs = WAIT_MS): Promise<void> {
    this.eventer.start()
    const deadline = Date.now() + waitMs
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`${what} did not come about within ${waitMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Runs the loops for so many further passes. */
  async passes(count: number): Promise<void> {
    const loop = this.eventer.chooseOwner(0)
    const target = loop.passes + count
    await this.until(() => {
      loop.wakeup()
      return loop.passes >= target
    }, `${count} passes`)
  }

  cleanUp(): void {
    for (const fd of this.#open) sys.close(fd)
    this.#open.clear()
  }

  #take(pair: [number, number] | number): [number, number] {
    if (typeof pair === 'number') throw new Error(`no descriptors: ${pair}`)
    for (const fd of pair) this.#open.add(fd)
    return pair
  }
}

/**
 * Runs a case on an eventer of its own, then checks what must hold after every case: all events freed, all
 * descriptors closed, the eventer gone without a trace.
 */
export async function withEventer(
  options: EventerOptions,
  body: (bench: Bench) => void | Promise<void>,
): Promise<void> {
  const before = await settledDescriptors()
  const eventer = await Eventer.init({ backend, ...options })
  const bench = new Bench(eventer)
  try {
    await body(bench)
    expect(eventer.allocations().current, 'events alive after the case').toBe(0)
  } finally {
    bench.cleanUp()
    await eventer[Symbol.asyncDispose]()
  }
  await expect.poll(openDescriptors, { timeout: WAIT_MS, interval: 5 }).toBeLessThanOrEqual(before)
}

/** The system opens some descriptors of its own the first time loops are used. */
async function settledDescriptors(): Promise<number> {
  if (!warm) {
    warm = true
    const eventer = await Eventer.init({ backend })
    eventer.start()
    await eventer.sleep(1)
    await eventer[Symbol.asyncDispose]()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return openDescriptors()
}
let warm = false

function openDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
}

/** Burns time on this thread. */
export function burn(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** The code of what a call throws. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}
