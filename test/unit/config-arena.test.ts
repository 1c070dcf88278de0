import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arena } from '../../lib/config/image/arena'

const KB = 1024
const ALIGN = 64

interface Block {
  readonly offset: number
  readonly end: number
}

/** The lowest gap that takes so many bytes. */
function firstFit(blocks: readonly Block[], bytes: number): number {
  let from = 0
  for (const { offset, end } of [...blocks].sort((a, b) => a.offset - b.offset)) {
    if (offset - from >= bytes) break
    from = end
  }
  return from
}

/** Takes so many bytes, or frees one of those that are taken. */
const PLAY = fc.array(
  fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 40 * KB }) }),
    fc.record({ free: fc.nat({ max: 100 }) }),
  ),
  { maxLength: 60 },
)

describe('room for images', () => {
  it('is the lowest that is free, whatever was taken and freed before (CF-34)', () => {
    fc.assert(
      fc.property(PLAY, (play) => {
        const arena = new Arena(256 * KB)
        const blocks: Block[] = []
        for (const step of play) {
          if ('free' in step) {
            const [gone] = blocks.splice(step.free % (blocks.length + 1), 1)
            if (gone !== undefined) arena.free(gone.offset)
            continue
          }
          const bytes = Math.ceil(step.take / ALIGN) * ALIGN
          const expected = firstFit(blocks, bytes)
          const offset = arena.allocate(step.take)
          expect(offset).toBe(expected + bytes <= 256 * KB ? expected : undefined)
          if (offset !== undefined) blocks.push({ offset, end: offset + bytes })
          expect(arena.usedBytes).toBe(blocks.reduce((sum, { offset, end }) => sum + end - offset, 0))
        }
        expect(arena.buffer.byteLength).toBeGreaterThanOrEqual(Math.max(0, ...blocks.map(({ end }) => end)))
      }),
      { numRuns: 300 },
    )
  })

  it('a hole is used again once its neighbours make it large enough', () => {
    const arena = new Arena(4 * KB)
    const [a, b, c, d] = Array.from({ length: 4 }, () => arena.allocate(KB))
    expect([a, b, c, d]).toEqual([0, KB, 2 * KB, 3 * KB])
    arena.free(KB)
    arena.free(3 * KB)
    // Two of a kilobyte are not one of two.
    expect(arena.allocate(2 * KB)).toBeUndefined()
    arena.free(2 * KB)
    expect(arena.allocate(2 * KB)).toBe(KB)
    // What was never taken, and what was freed already.
    arena.free(5)
    arena.free(3 * KB)
    expect(arena.usedBytes).toBe(3 * KB)
  })

  it('grows by doubling up to its limit, and keeps what lies in it where it is', () => {
    const arena = new Arena(1000 * KB)
    expect(arena.buffer.byteLength).toBe(64 * KB)
    const first = arena.allocate(60 * KB) as number
    const words = new Int32Array(arena.buffer, first, 100).fill(7)
    arena.allocate(5 * KB)
    expect(arena.buffer.byteLength).toBe(128 * KB)
    arena.allocate(500 * KB)
    expect(arena.buffer.byteLength).toBe(565 * KB)
    arena.allocate(20 * KB)
    expect(arena.buffer.byteLength).toBe(1000 * KB)
    expect(words.every((word) => word === 7)).toBe(true)
    expect(arena.allocate(416 * KB)).toBeUndefined()
    expect(arena.allocate(415 * KB)).toBe(585 * KB)
    expect(arena.allocate(1)).toBeUndefined()
  })

  it('has less than its first size if that is its limit', () => {
    const arena = new Arena(100)
    expect(arena.buffer.byteLength).toBe(100)
    expect(arena.allocate(64)).toBe(0)
    expect(arena.allocate(1)).toBeUndefined()
  })
})
