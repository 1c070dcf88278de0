import { describe, expect, it } from 'vitest'
import { FreeSlots } from '../../lib/eventer/free-slots'

const SLOTS = 4096

describe('free slots', () => {
  it('are given out from the lowest up, each once', () => {
    const free = new FreeSlots(SLOTS)
    const taken = Array.from({ length: SLOTS }, () => free.take())
    expect(taken).toEqual(Array.from({ length: SLOTS }, (_, slot) => slot))
    expect(free.count).toBe(0)
  })

  it('always give the lowest one, in any order of taking and giving', () => {
    const free = new FreeSlots(SLOTS)
    const model = new Set(Array.from({ length: SLOTS }, (_, slot) => slot))
    const taken: number[] = []
    let seed = 12345
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    for (let step = 0; step < 50_000; step++) {
      const wantsMore = Math.floor(step / 5000) % 2 === 0 ? random(10) < 7 : random(10) < 3
      if (model.size > 0 && (taken.length === 0 || wantsMore)) {
        const slot = free.take()
        if (step % 50 === 0) expect(slot).toBe(Math.min(...model))
        expect(model.delete(slot)).toBe(true)
        taken.push(slot)
      } else {
        const [slot] = taken.splice(random(taken.length), 1) as [number]
        free.give(slot)
        model.add(slot)
      }
    }
    expect(free.count).toBe(model.size)
  })
})
