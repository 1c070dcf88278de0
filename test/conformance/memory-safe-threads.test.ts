import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { memory, safe } from '../../lib/memory'
import { withEventer } from './eventer-harness'
import { codeOf, eventually, isNative, Mate } from './memory-harness'

const mates: Mate[] = []
const mate = (): Mate => {
  const made = new Mate()
  mates.push(made)
  return made
}
const quiet = () => {
  const { freesRequested, freesCompleted, bytesPending } = safe.stats()
  return [freesRequested - freesCompleted, bytesPending]
}

afterEach(async () => {
  for (const each of mates.splice(0)) await each.end()
})

/** What only exists between isolates of one process with a native core. */
const between = (title: string, body: () => Promise<void>) =>
  it(title, async () => {
    if (isNative) return body()
    const block = safe.alloc(8)
    expect(codeOf(() => block.id)).toBe('ERR_NATIVE_REQUIRED')
    expect(codeOf(() => safe.open(1))).toBe('ERR_NATIVE_REQUIRED')
    block.free()
  })

describe('safe blocks between isolates', () => {
  beforeAll(() => memory.configure({ smr: { asynch: true } }))
  between('SM-01 SM-09 A-SM-1 what a callback sees stays until it returns, whoever frees it', async () => {
    const other = mate()
    let reclaimed = 0
    await withEventer({}, async ({ eventer }) => {
      const block = safe.fromString('read in a callback', { onReclaim: () => reclaimed++ })
      const shared = new Int32Array(new SharedArrayBuffer(8))
      const freed = other.run(
        `const block = heddle.safe.open(data.id)
         const told = Buffer.from(block.view()).toString()
         Atomics.wait(data.shared, 0, 0)
         block.free()
         const seen = heddle.safe.maintain('try')
         Atomics.store(data.shared, 1, 1)
         Atomics.notify(data.shared, 1)
         return [told, await seen, block.isFreed]`,
        { id: block.id, shared },
      )
      let view: Uint8Array = new Uint8Array()
      const seen: unknown[] = []
      eventer.addIn(0, () => {
        view = block.view()
        Atomics.store(shared, 0, 1)
        Atomics.notify(shared, 0)
        Atomics.wait(shared, 1, 0)
        // Freed by now, and the other isolate has tried to reclaim it.
        seen.push(block.isFreed, Buffer.from(view).toString(), Buffer.from(block.view()).toString())
        seen.push(reclaimed, safe.stats().freesRequested > safe.stats().freesCompleted)
        return 0
      })
      eventer.start()
      expect(await freed).toEqual(['read in a callback', -1, true])
      await eventually(() => seen).toEqual([true, 'read in a callback', 'read in a callback', 0, true])
      await eventually(() => view.length).toBe(0)
      expect(codeOf(() => block.view())).toBe('ERR_STALE_BLOCK')
      await eventually(() => reclaimed).toBe(1)
    })
    await eventually(quiet).toEqual([0, 0])
    expect(reclaimed).toBe(1)
  })

  between('SM-09 A-SM-8 an isolate that is idle lets go too', async () => {
    const other = mate()
    const block = safe.fromString('idle')
    const view = block.view()
    expect(
      await other.run(
        'const b = heddle.safe.open(data); kept.view = b.view(); kept.b = b; return kept.view.length',
        block.id,
      ),
    ).toBe(4)
    await other.run('heddle.safe.free(kept.b)')
    // Nothing here calls `safe`.
    await eventually(() => view.length).toBe(0)
    expect(await other.run('return [kept.view.length, codeOf(() => kept.b.view())]')).toEqual([
      0,
      'ERR_STALE_BLOCK',
    ])
    await eventually(quiet).toEqual([0, 0])
  })

  between('SM-05 SM-09 of two isolates that free one block, one is told', async () => {
    const other = mate()
    const ids = Array.from({ length: 200 }, () => safe.alloc(8)).map((block) => [block, block.id] as const)
    const theirs = other.run(
      'return data.map((id) => codeOf(() => heddle.safe.open(id).free()) ?? "freed")',
      ids.map(([, id]) => id),
    )
    const ours = ids.map(([block]) => codeOf(() => block.free()) ?? 'freed')
    for (const [i, their] of ((await theirs) as string[]).entries()) {
      const freed = [ours[i], their].filter((each) => each === 'freed')
      expect(freed).toHaveLength(1)
      expect(['freed', 'ERR_SMR_DOUBLE_FREE', 'ERR_STALE_BLOCK']).toContain(their)
      expect(['freed', 'ERR_SMR_DOUBLE_FREE']).toContain(ours[i])
    }
    await eventually(quiet).toEqual([0, 0])
  })

  between(
    'SM-02 SM-03 a section of another isolate holds the reclaiming back, until it ends or dies',
    async () => {
      const other = mate()
      const block = safe.fromString('held')
      await other.run('kept.section = heddle.safe.section()')
      safe.free(block)
      expect(await safe.maintain('try')).toBe(-1)
      await other.run('kept.section.end()')
      expect(await safe.maintain('barrier')).toBeLessThanOrEqual(1)
      expect(quiet()).toEqual([0, 0])
      const again = safe.alloc(8)
      await other.run('kept.section = heddle.safe.section(); heddle.safe.section()')
      safe.free(again)
      await other.end()
      await safe.maintain('barrier')
      expect(quiet()).toEqual([0, 0])
    },
  )

  between('SM-03 A-SM-6 what a worker has freed when it is terminated is reclaimed', async () => {
    const other = mate()
    const before = safe.stats().freesRequested
    const id = (await other.run(
      `kept.section = heddle.safe.section()
       kept.views = Array.from({ length: 50 }, () => {
         const block = heddle.safe.alloc(64, { onReclaim: () => {} })
         const view = block.view()
         block.free()
         return view
       })
       kept.living = heddle.safe.fromString('outlives its isolate', { onReclaim: () => {} })
       kept.view = kept.living.view()
       return kept.living.id`,
    )) as number
    expect(safe.stats().freesRequested - before).toBe(50)
    await other.end()
    await eventually(quiet).toEqual([0, 0])
    const living = safe.open(id)
    expect(Buffer.from(living.view()).toString()).toBe('outlives its isolate')
    living.free()
    await eventually(quiet).toEqual([0, 0])
  })

  between('SM-09 workers that read, replace and free at once see whole blocks only', async () => {
    const shelf = new Float64Array(new SharedArrayBuffer(8 * 32))
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const turns = new Int32Array(new SharedArrayBuffer(8))
    const fresh = (value: number) => safe.from(new Uint8Array(64).fill(value))
    for (let i = 0; i < shelf.length; i++) shelf[i] = fresh(i).id
    const readers = [mate(), mate()].map((each, number) =>
      each.run(
        `let wrong = 0, read = 0, stale = 0
         for (let turn = 0; !Atomics.load(data.stop, 0); turn++) {
           const section = heddle.safe.section()
           for (let i = 0; i < data.shelf.length; i++) {
             try {
               const bytes = heddle.safe.open(data.shelf[i]).view()
               if (bytes.length !== 64 || bytes.some((byte) => byte !== bytes[0])) wrong++
               read++
             } catch (error) { error.code === 'ERR_STALE_BLOCK' ? stale++ : wrong++ }
           }
           section.end()
           Atomics.add(data.turns, data.number, 1)
           if (turn % 16 === 0) await new Promise(setImmediate)
         }
         return { wrong, read, stale }`,
        { shelf, stop, turns, number },
      ),
    )
    const isDone = (i: number) => i >= 3000 && turns.every((_, n) => Atomics.load(turns, n) >= 50)
    for (let i = 0; !isDone(i); i++) {
      const place = i % shelf.length
      const old = shelf[place] as number
      shelf[place] = fresh(i % 256).id
      safe.open(old).free()
      if (i % 64 === 0) await new Promise(setImmediate)
    }
    Atomics.store(stop, 0, 1)
    for (const report of (await Promise.all(readers)) as { wrong: number; read: number }[]) {
      expect(report.wrong).toBe(0)
      expect(report.read).toBeGreaterThan(0)
    }
    for (const id of shelf) safe.open(id).free()
    await eventually(quiet).toEqual([0, 0])
  })
})
