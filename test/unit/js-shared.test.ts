import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { createSharedBackend } from '../../lib/backend/js/shared'
import type { NameKeeper } from '../../lib/backend/js/shared/channel'
import { Head } from '../../lib/backend/js/shared/layout'
import { JsSharedMap } from '../../lib/backend/js/shared/map'
import { createMemory, SharedMemory } from '../../lib/backend/js/shared/memory'
import type { Hold } from '../../lib/backend/js/shared/names'
import { Recovery } from '../../lib/backend/js/shared/recovery'
import { CLASS_BYTES, classOf, SPAN_CLASS } from '../../lib/backend/js/shared/size-class'
import type { SharedCounterEngine, SharedMapEngine } from '../../lib/backend/shared'
import { DIST } from '../conformance/compiled'
import { Check } from './js-shared-check'

const backend = createSharedBackend()
const keeper = (globalThis as unknown as Record<symbol, NameKeeper>)[
  Symbol.for('heddle/js/shared/1')
] as NameKeeper
let names = 0

interface Opened {
  readonly spec: { readonly name: string; readonly maxBytes: number; readonly ttlMs: number }
  readonly map: SharedMapEngine
  readonly buffer: SharedArrayBuffer
  /** Slots that this thread has, and that of the recovery. */
  readonly own: readonly number[]
}

/** A map with a second hold that shows its memory. */
function open(maxBytes = 0, ttlMs = 0): Opened {
  const spec = { name: `unit ${++names}`, maxBytes, ttlMs }
  const map = backend.openMap(spec) as SharedMapEngine
  const hold = keeper.open({ kind: 'map', ...spec }) as Hold
  return { spec, map, buffer: hold.buffer, own: [0, 1, 2] }
}

/** A worker that does all there is to do with a map, until it is ended. It says something now and then. */
function startAbuse(spec: object, seed: number): Worker {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { createSharedBackend } = require(${JSON.stringify(join(DIST, 'backend/js/shared/index.js'))})
    createSharedBackend().openMap(workerData.spec).then((map) => {
      let x = workerData.seed
      const random = (n) => { x ^= x << 13; x ^= x >>> 17; x ^= x << 5; return (x >>> 0) % n }
      for (let i = 0; ; i++) {
        const key = 'key ' + random(400)
        switch (random(7)) {
          case 0: case 1: map.set(key, 0, 'v'.repeat(random(2000)), -1, random(3)); break
          case 2: map.delete(key); break
          case 3: map.get(key); break
          case 4: map.set('big ' + random(5), 1, new Uint8Array(random(200000)), -1, 0); break
          case 5: map.increment('n ' + random(50), 1, -1); break
          default: if (random(100) === 0) { const at = map.scanOpen(); while (map.scanNext(at)); map.scanClose(at) }
        }
        if (i % 100 === 0) parentPort.postMessage(i)
      }
    })`
  return new Worker(code, { eval: true, workerData: { spec, seed } })
}

const heard = (worker: Worker): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve))
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What does not hold, once the recovery has had time, half a minute at most. */
async function wrongIn({ buffer, own }: Opened): Promise<string[]> {
  for (const end = performance.now() + 30_000; ; ) {
    const wrong = new Check(buffer).run(own)
    if (wrong.length === 0 || performance.now() > end) return wrong.slice(0, 5)
    await pause(10)
  }
}

describe('memory of the js map', () => {
  it.each([
    [0, 0],
    [400_000, 0],
    [400_000, 20],
  ])(
    'SM-09 is accounted for after workers were terminated in the middle, budget %i, ttl %i',
    async (maxBytes, ttl) => {
      const opened = open(maxBytes, ttl)
      for (let round = 0; round < 12; round++) {
        const crew = [1, 2, 3].map((i) => startAbuse(opened.spec, round * 7919 + i * 104_729))
        await Promise.all(crew.map(heard))
        await pause(round * 3)
        await Promise.all(crew.map((worker) => worker.terminate()))
        expect(await wrongIn(opened), `round ${round}`).toEqual([])
      }
      opened.map.clear()
      expect(await wrongIn(opened)).toEqual([])
      expect(opened.map.stats()).toMatchObject({ entries: 0, bytes: 0 })
      opened.map.close()
    },
  )

  it('SM-09 is accounted for after holds were closed in order, and their slots are given again', async () => {
    const opened = open()
    const { spec } = opened
    for (let round = 0; round < 2000; round++) {
      const hold = backend.openMap(spec) as SharedMapEngine
      hold.set(`key ${round % 300}`, 0, 'v'.repeat(round), -1, 0)
      hold.delete(`key ${(round + 150) % 300}`)
      hold.close()
    }
    const wrong = await wrongIn({ ...opened, own: [0, 1, 2] })
    expect(wrong).toEqual([])
    expect(opened.map.stats().entries).toBeLessThanOrEqual(300)
    opened.map.close()
  })

  it('SM-09 is bounded while values of all sizes come and go', () => {
    const { map, buffer } = open()
    for (let i = 0; i < 20_000; i++) map.set(`key ${i % 50}`, 1, new Uint8Array((i * 7919) % 30_000), -1, 0)
    // 50 values of 15 KB on average; the rest is what waits for readers, and pages of sizes.
    expect(buffer.byteLength).toBeLessThan(32 * 2 ** 20)
    map.close()
  })

  it('SM-09 runs out with ENOMEM, and the map is as it was', () => {
    // No budget, and address space for 64 MiB.
    const memory = createMemory(1, [1, 2]) as SharedMemory
    expect(new Recovery(new SharedMemory(memory.buffer)).begin()).toBe(true)
    memory.words[Head.BUDGET] = 0
    memory.words[Head.SLOTS_USED] = 2
    const map = new JsSharedMap(memory, 1, 0, () => {})
    const value = new Uint8Array(5e6)
    const large = Array.from({ length: 20 }, (_, i) => map.set(`large ${i}`, 1, value, -1, 0))
    const stored = large.filter((result) => result === 1).length
    expect(stored).toBeGreaterThan(8)
    expect(large.slice(stored)).toEqual(new Array(20 - stored).fill(-12))
    let small = 0
    while (map.set(`small key ${small}`, 0, small, -1, 0) === 1) small++
    expect(map.increment('sum of all', 1, -1)).toBeNaN()
    expect([map.control[0], map.compareAndSet('small key 1', 0, 1, 0, 2, -1)]).toEqual([-12, -12])
    expect([map.stats().entries, map.get('small key 1'), map.has('sum of all')]).toEqual([
      stored + small,
      1,
      false,
    ])
    expect([map.delete('large 0'), map.increment('sum of all', 1, -1)]).toEqual([1, 1])
    for (let i = 0; i < small; i++) if (map.get(`small key ${i}`) !== i) expect.fail(`small key ${i} is lost`)
    expect(new Check(memory.buffer).run([0, 1])).toEqual([])
  })

  it('SM-09 survives an exception in the middle: the next operation finds everything in its place', async () => {
    const opened = open()
    const { map } = opened
    let overflows = 0
    const descend = (depth: number): void => {
      try {
        descend(depth + 1)
      } catch {
        // Near the end of the stack an operation fails somewhere inside.
      }
      try {
        map.set(`key ${depth % 100}`, 0, depth, -1, 0)
        map.delete(`key ${(depth + 50) % 100}`)
      } catch {
        overflows++
      }
    }
    descend(0)
    expect(overflows).toBeGreaterThan(0)
    for (let i = 0; i < 100; i++) expect(map.set(`key ${i}`, 0, i, -1, 0)).toBe(1)
    for (let i = 0; i < 100; i++) expect(map.get(`key ${i}`)).toBe(i)
    const at = map.scanOpen()
    expect(map.scanNext(at)).toHaveLength(300)
    map.close()
    expect(await wrongIn({ ...opened, own: [0, 2] })).toEqual([])
  })
})

describe('holds of the js structures', () => {
  it('SM-09 go by one clock, though one was opened by a thread that was interrupted', () => {
    const spec = { name: `unit ${++names}`, maxBytes: 0, ttlMs: 0 }
    const { bigint } = process.hrtime
    let interruptions = 1
    process.hrtime.bigint = () => {
      const now = bigint()
      if (interruptions-- > 0) for (const end = performance.now() + 50; performance.now() < end; );
      return now
    }
    const interrupted = backend.openMap(spec) as SharedMapEngine
    process.hrtime.bigint = bigint
    const other = backend.openMap(spec) as SharedMapEngine
    other.set('key', 0, 1, 60_000, 0)
    const left = other.ttl('key')
    expect(interrupted.ttl('key') - left).toBeLessThan(25)
    for (const map of [interrupted, other]) map.close()
  })

  it('SM-09 are limited, and say so with EMFILE', () => {
    const name = `unit ${++names}`
    const holds: (SharedCounterEngine | number)[] = []
    while (typeof holds.at(-1) !== 'number')
      holds.push(backend.openCounter(name) as SharedCounterEngine | number)
    expect(holds.pop()).toBe(-24)
    expect(holds).toHaveLength(255)
    for (const hold of holds) (hold as SharedCounterEngine).close()
  })

  it('SM-09 answer for closed engines as the contract says', () => {
    const { map } = open()
    const cursor = map.scanOpen()
    map.close()
    map.close()
    expect([map.get('a'), map.has('a'), map.delete('a'), map.ttl('a')]).toEqual([undefined, false, 0, -1])
    expect([map.set('a', 0, 1, -1, 0), map.compareAndSet('a', -1, undefined, 0, 1, -1)]).toEqual([-9, -9])
    expect([map.compareAndSet('a', 0, 1, -1, undefined, -1), map.scanOpen()]).toEqual([-9, -9])
    expect([map.increment('a', 1, -1), map.control[0], map.scanNext(cursor)]).toEqual([NaN, -9, undefined])
    map.clear()
    map.scanClose(cursor)
  })
})

describe('size classes', () => {
  it('hold what they are for, and waste little', () => {
    for (let bytes = 1; bytes <= 20_000; bytes++) {
      const found = classOf(bytes)
      if (found === SPAN_CLASS) {
        expect(bytes).toBeGreaterThan(16_000)
        continue
      }
      const size = CLASS_BYTES[found] as number
      expect(size).toBeGreaterThanOrEqual(bytes)
      if (bytes > 128 && bytes <= 8192) expect(size / bytes).toBeLessThan(1.26)
      expect(size % 16).toBe(0)
    }
  })
})
